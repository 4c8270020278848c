/** Which `coder-lsp` to start: the setting, else `PATH`, else the extension's own environment. */

import { expandHome, findOnPath, isExecutable, type Machine } from './executable.js';

export interface FoundServer {
  readonly kind: 'found';
  readonly command: string;
  readonly origin: 'setting' | 'path' | 'environment';
}

export interface MissingServer {
  readonly kind: 'missing';
  /** For the user: what was expected, what was found, what to do next. */
  readonly message: string;
  /** Whether the remedy is to correct the setting rather than to install. */
  readonly isSettingWrong: boolean;
}

export type ServerLocation = FoundServer | MissingServer;

/**
 * Find the server. A setting that names nothing runnable is an error and not passed over: who sets
 * a path wants that program and no other.
 */
export function locateServer(
  configured: string,
  environmentProgram: string | undefined,
  home: string,
  machine: Machine,
): ServerLocation {
  if (configured.trim() !== '') {
    return fromSetting(expandHome(configured.trim(), home), machine);
  }
  const onPath = findOnPath('coder-lsp', machine);
  if (onPath !== undefined) {
    return { kind: 'found', command: onPath, origin: 'path' };
  }
  if (environmentProgram !== undefined) {
    return { kind: 'found', command: environmentProgram, origin: 'environment' };
  }
  return {
    kind: 'missing',
    isSettingWrong: false,
    message: 'coder-lsp is not on PATH and not installed by this extension. Install it, or set coder-lsp.path.',
  };
}

function fromSetting(configured: string, machine: Machine): ServerLocation {
  const command = /[/\\]/.test(configured) ? configured : findOnPath(configured, machine);
  if (command !== undefined && isExecutable(command)) {
    return { kind: 'found', command, origin: 'setting' };
  }
  return {
    kind: 'missing',
    isSettingWrong: true,
    message: `coder-lsp.path is ${configured}, and there is no program there. Correct the setting, or clear it to have coder-lsp found.`,
  };
}
