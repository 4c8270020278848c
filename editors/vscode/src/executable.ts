/** Finding programs on the machine. Knows nothing of VS Code. */

import { accessSync, constants, statSync } from 'node:fs';
import * as path from 'node:path';

/** What of the machine decides where a program lies. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The first program of that name on `PATH`; undefined when there is none. */
export function findOnPath(name: string, machine: Machine): string | undefined {
  const flavour = pathFlavour(machine.platform);
  for (const folder of searchPath(machine)) {
    for (const extension of extensions(machine)) {
      // A relative entry would let the folder that happens to be open decide what is run.
      const file = flavour.join(folder, name + extension);
      if (flavour.isAbsolute(file) && isExecutable(file)) {
        return file;
      }
    }
  }
  return undefined;
}

/** Where a virtual environment keeps a program of its own. */
export function programOf(environment: string, name: string, platform: NodeJS.Platform): string {
  return platform === 'win32'
    ? path.win32.join(environment, 'Scripts', `${name}.exe`)
    : path.posix.join(environment, 'bin', name);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** `~/x` as a shell would read it; settings are no shell, but people write them so. */
export function expandHome(file: string, home: string): string {
  return /^~(?=$|[/\\])/.test(file) ? home + file.slice(1) : file;
}

function searchPath(machine: Machine): string[] {
  // Windows calls the variable Path, and process.env forgets that once it is copied.
  const key = Object.keys(machine.env).find((name) => name.toUpperCase() === 'PATH');
  const value = key === undefined ? '' : (machine.env[key] ?? '');
  return value.split(pathFlavour(machine.platform).delimiter).filter((folder) => folder !== '');
}

function extensions(machine: Machine): string[] {
  return machine.platform === 'win32' ? ['.exe'] : [''];
}

function pathFlavour(platform: NodeJS.Platform): path.PlatformPath {
  return platform === 'win32' ? path.win32 : path.posix;
}
