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

/**
 * Settle where completions come when that is left open: as ghost text if VS Code shows any.
 *
 * VS Code asks for its list at once after a trigger character, and for ghost text 50 ms later. A
 * server that learned only then what is wanted would have answered with an entry of the list, and
 * while that is open there is nothing left to say in ghost text.
 */
export function settlePlainCompletion(
  options: Readonly<Record<string, unknown>>,
  showsGhostText: boolean,
): Record<string, unknown> {
  if (options.plainCompletion !== 'auto') {
    return options;
  }
  return { ...options, plainCompletion: showsGhostText ? 'never' : 'always' };
}
