/** For which documents completions are asked. */

export interface DocumentFilter {
  readonly scheme: string;
  readonly language?: string;
}

const SCHEMES = ['file', 'untitled', 'vscode-notebook-cell'] as const;

/** Return the selector for language ids; `*` stands for all. */
export function documentSelector(languages: readonly string[]): DocumentFilter[] {
  const wanted = languages.includes('*') ? [undefined] : [...new Set(languages)];
  return wanted.flatMap((language) =>
    SCHEMES.map((scheme) => (language === undefined ? { scheme } : { scheme, language })),
  );
}
