/** The models that `coder-lsp models --json` lists, for choosing one. */

export interface ModelChoice {
  readonly label: string;
  readonly description: string;
  /** The value of the setting: empty for the embedded model. */
  readonly model: string;
}

/** Read the command's output; throws when it is not a list of models. */
export function readModels(json: string): ModelChoice[] {
  const found: unknown = JSON.parse(json);
  if (!Array.isArray(found)) {
    throw new TypeError('coder-lsp models --json should print a list.');
  }
  return found.map((model) => toChoice(model as Record<string, unknown>));
}

function toChoice(model: Record<string, unknown>): ModelChoice {
  const isEmbedded = model.embedded === true;
  const path = String(model.path);
  return {
    label: String(model.name),
    description: isEmbedded ? `embedded, ${details(model)}` : `${details(model)}, ${path}`,
    model: isEmbedded ? '' : path,
  };
}

function details(model: Record<string, unknown>): string {
  if (typeof model.error === 'string') {
    return model.error;
  }
  const megabytes = (Number(model.size_bytes) / 1e6).toFixed(0);
  return `${String(model.precision)}, ${megabytes} MB, ${String(model.license)}`;
}
