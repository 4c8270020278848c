/** The settings that are the server's: what the manifest declares, less the extension's own. */

/** Settings of the extension itself; the server would report them as unknown. */
export const OWN_SETTINGS = ['path', 'languages', 'install.source', 'install.extra'] as const;

export const SECTION = 'coder-lsp';

/** One of the manifest's configuration sections, as far as it matters here. */
export interface ConfigurationSection {
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Return the names of the server's settings, without the section's. */
export function serverSettingNames(sections: readonly ConfigurationSection[]): string[] {
  const own = new Set<string>(OWN_SETTINGS);
  return sections
    .flatMap((section) => Object.keys(section.properties))
    .map((key) => key.slice(SECTION.length + 1))
    .filter((name) => !own.has(name));
}

/** Return what is sent as initialization options, and under the section when settings change. */
export function serverOptions(
  names: readonly string[],
  read: (name: string) => unknown,
): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const name of names) {
    const value = read(name);
    if (value !== undefined) {
      options[name] = value;
    }
  }
  return options;
}
