/**
 * The virtual environment that the extension makes for the server, as steps to be run.
 *
 * A file written last says that it is complete, and of which version: an environment without it was
 * left half-made and is made anew.
 */

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

import { expandHome, isExecutable, programOf } from './executable.js';

export type Tool = 'uv' | 'pip';
export type Extra = 'cpu' | 'cuda';

/** One program to run; `title` is shown while it runs. */
export interface Step {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface Installation {
  readonly version: string;
  readonly requirement: string;
}

const COMPLETE = 'coder-lsp-environment.json';

/** The server of a complete environment; undefined when there is none. */
export function environmentProgram(folder: string, platform: NodeJS.Platform): string | undefined {
  const program = programOf(folder, 'coder-lsp', platform);
  return readInstallation(folder) !== undefined && isExecutable(program) ? program : undefined;
}

/** What was installed; undefined when the environment is absent or was left half-made. */
export function readInstallation(folder: string): Installation | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(path.join(folder, COMPLETE), 'utf8'));
    return isInstallation(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

export function markComplete(folder: string, installation: Installation): void {
  writeFileSync(path.join(folder, COMPLETE), JSON.stringify(installation));
}

/**
 * What to install: from the wheel that came with the extension, unless the user names a clone, a
 * wheel or a requirement.
 *
 * `source` is the setting, empty for the wheel in `wheelFolder`; without a wheel it is the release
 * of the extension's own version that is asked of the package index.
 */
export function requirementFor(
  source: string,
  extra: Extra,
  wheelFolder: string,
  version: string,
  home: string,
): string {
  const named = expandHome(source.trim(), home);
  if (named !== '') {
    return existsSync(named) ? fromFile(named, extra) : named;
  }
  const wheel = bundledWheel(wheelFolder);
  return wheel === undefined ? `coder-lsp[${extra}]==${version}` : fromFile(wheel, extra);
}

export function bundledWheel(folder: string): string | undefined {
  if (!existsSync(folder)) {
    return undefined;
  }
  const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
  return name === undefined ? undefined : path.join(folder, name);
}

/** The steps to a complete environment. `program` is the path of uv, or of Python for pip. */
export function installSteps(
  tool: Tool,
  program: readonly string[],
  folder: string,
  requirement: string,
  platform: NodeJS.Platform,
): Step[] {
  const [command = tool, ...before] = program;
  const python = programOf(folder, 'python', platform);
  const making = 'Making a virtual environment';
  const installing = 'Installing coder-lsp and ONNX Runtime';
  if (tool === 'uv') {
    return [
      { title: making, command, args: [...before, 'venv', '--python', '>=3.11', folder] },
      {
        title: installing,
        command,
        args: [...before, 'pip', 'install', '--python', python, requirement],
      },
    ];
  }
  return [
    { title: making, command, args: [...before, '-m', 'venv', folder] },
    {
      title: installing,
      command: python,
      args: ['-m', 'pip', 'install', '--disable-pip-version-check', requirement],
    },
  ];
}

/** The pythons worth asking for their version, best first. */
export function pythonCandidates(platform: NodeJS.Platform): string[][] {
  return platform === 'win32'
    ? [['py', '-3'], ['python']]
    : [['python3'], ['python3.14'], ['python3.13'], ['python3.12'], ['python3.11'], ['python']];
}

/** Exits with 0 for a Python that can make the environment: new enough, with venv and pip. */
export const PYTHON_TEST = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))';

function fromFile(file: string, extra: Extra): string {
  return `coder-lsp[${extra}] @ ${pathToFileURL(file).href}`;
}

function isInstallation(found: unknown): found is Installation {
  const candidate = found as Partial<Installation> | null;
  return typeof candidate?.version === 'string' && typeof candidate.requirement === 'string';
}
