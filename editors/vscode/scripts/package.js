/**
 * Makes coder-lsp.vsix: the bundle, and in it the server as a wheel, so that whoever has the
 * extension can install the version that belongs to it.
 *
 * Python is the one in PYTHON, else the clone's own environment, else python3 or python.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createVSIX } from '@vscode/vsce';

const EXTENSION = fileURLToPath(new URL('..', import.meta.url));
const ROOT = path.resolve(EXTENSION, '..', '..');
const WHEEL_SOURCES = ['pyproject.toml', 'README.md', 'LICENSE', 'coder_lsp', 'onnx_export'];

process.chdir(EXTENSION);
await import('./bundle.js');
buildWheel(path.join(EXTENSION, 'server'));
cpSync(path.join(ROOT, 'LICENSE'), path.join(EXTENSION, 'LICENSE'));
await createVSIX({
  cwd: EXTENSION,
  packagePath: path.join(EXTENSION, 'coder-lsp.vsix'),
  dependencies: false,
  allowMissingRepository: true,
  rewriteRelativeLinks: false,
});

function buildWheel(target) {
  rmSync(target, { recursive: true, force: true });
  // Setuptools leaves a build folder in what it builds, and puts what lies there into later wheels.
  const copy = mkdtempSync(path.join(tmpdir(), 'coder-lsp-wheel-'));
  try {
    for (const name of WHEEL_SOURCES) {
      const withoutCaches = (source) => path.basename(source) !== '__pycache__';
      cpSync(path.join(ROOT, name), path.join(copy, name), {
        recursive: true,
        filter: withoutCaches,
      });
    }
    run(python(), ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', target, copy]);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function python() {
  const scripts = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python';
  const own = path.join(ROOT, '.venv', scripts);
  const candidates = [process.env.PYTHON, existsSync(own) ? own : undefined, 'python3', 'python'];
  const found = candidates.find(
    (command) => command && spawnSync(command, ['-m', 'pip', '--version']).status === 0,
  );
  if (found === undefined) {
    throw new Error('The server is packed as a wheel by Python 3.11 or newer with pip; none was found. Set PYTHON.');
  }
  return found;
}

function run(command, args) {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.status !== 0) {
    throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed with status ${result.status}.`);
  }
}
