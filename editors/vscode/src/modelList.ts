/** The models that `coder-lsp models --json` and `coder-lsp install --list --json` list. */

export interface ModelChoice {
  readonly label: string;
  readonly description: string;
  /** The value of the setting. */
  readonly model: string;
}

export interface KnownModel {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  /** What `coder-lsp install` takes. */
  readonly source: string;
}

/** Read the command's output; throws when it is not a list of models. */
export function readModels(json: string): ModelChoice[] {
  return readList(json, 'models --json').map(toChoice);
}

/** Read the catalogue; throws when it is not a list of models. */
export function readCatalogue(json: string): KnownModel[] {
  return readList(json, 'install --list --json').map(toKnownModel);
}

function readList(json: string, command: string): Record<string, unknown>[] {
  const found: unknown = JSON.parse(json);
  if (!Array.isArray(found)) {
    throw new TypeError(`coder-lsp ${command} should print a list.`);
  }
  return found as Record<string, unknown>[];
}

function toKnownModel(model: Record<string, unknown>): KnownModel {
  const predicted = (model.predicted ?? {}) as Record<string, unknown>;
  const speed = `${tokens(predicted.prefill_tokens_per_second)} read and ${tokens(
    predicted.decode_tokens_per_second,
  )} written per second here`;
  const states = [
    model.is_recommended === true ? 'recommended' : '',
    model.is_installed === true ? 'installed' : '',
  ];
  return {
    label: String(model.name),
    description: [...states, String(model.license)].filter((text) => text !== '').join(', '),
    detail: `${gigabytes(model.download_bytes)} to download, ${gigabytes(
      model.disk_bytes,
    )} on disk, ${gigabytes(model.memory_bytes)} of memory; ${speed}`,
    source: String(model.source),
  };
}

function gigabytes(bytes: unknown): string {
  return `${(Number(bytes) / 1e9).toFixed(1)} GB`;
}

function tokens(perSecond: unknown): string {
  return `${Number(perSecond).toFixed(0)} tokens`;
}

function toChoice(model: Record<string, unknown>): ModelChoice {
  const isEmbedded = model.embedded === true;
  const path = String(model.path);
  return {
    label: String(model.name),
    description: isEmbedded ? `embedded, ${details(model)}` : `${details(model)}, ${path}`,
    model: isEmbedded ? 'embedded' : path,
  };
}

function details(model: Record<string, unknown>): string {
  if (typeof model.error === 'string') {
    return model.error;
  }
  const megabytes = (Number(model.size_bytes) / 1e6).toFixed(0);
  return `${String(model.precision)}, ${megabytes} MB, ${String(model.license)}`;
}
