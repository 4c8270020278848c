/** What the server is at, and how the status bar says it. */

export const STATUS_KINDS = [
  'starting',
  'loading',
  'ready',
  'busy',
  'off',
  'snoozed',
  'error',
] as const;

export type StatusKind = (typeof STATUS_KINDS)[number];

/** As the server sends it with `coder-lsp/status`; `progress` is a percentage, null when unknown. */
export interface Status {
  readonly kind: StatusKind;
  readonly message: string;
  readonly progress: number | null;
  /** What would complete better; said once. */
  readonly suggestion?: string;
  /** What the user can do about it; ours, never sent by the server. */
  readonly remedy?: Remedy;
}

export interface Remedy {
  readonly title: string;
  readonly command: string;
}

export interface StatusView {
  readonly text: string;
  readonly heading: string;
  readonly isError: boolean;
}

export const STARTING: Status = { kind: 'starting', message: 'Starting coder-lsp', progress: null };

/** Read what a server sent; undefined when it is not a status. */
export function readStatus(sent: unknown): Status | undefined {
  if (typeof sent !== 'object' || sent === null) {
    return undefined;
  }
  const { kind, message, progress, suggestion } = sent as Record<string, unknown>;
  const known = STATUS_KINDS.find((name) => name === kind);
  if (known === undefined) {
    return undefined;
  }
  return {
    kind: known,
    message: typeof message === 'string' ? message : '',
    progress: typeof progress === 'number' ? Math.round(Math.min(100, Math.max(0, progress))) : null,
    ...(typeof suggestion === 'string' ? { suggestion } : {}),
  };
}

/** Return what the status bar shows. */
export function viewOf(status: Status): StatusView {
  const percent = status.progress === null ? '' : ` ${String(status.progress)} %`;
  const view = (icon: string, heading: string, more = ''): StatusView => ({
    text: `$(${icon}) coder-lsp${more}`,
    heading: `coder-lsp: ${heading}`,
    isError: status.kind === 'error',
  });
  switch (status.kind) {
    case 'starting':
      return view('loading~spin', 'starting');
    case 'loading':
      return view('loading~spin', `loading the model${percent}`, percent);
    case 'ready':
      return view('sparkle', 'ready');
    case 'busy':
      return view('sync~spin', 'thinking');
    case 'off':
      return view('circle-slash', 'off');
    case 'snoozed':
      return view('bell-slash', 'snoozed');
    case 'error':
      return view('error', 'not working');
  }
}
