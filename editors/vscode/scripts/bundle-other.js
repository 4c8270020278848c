/**
 * Makes a package of a small extension of the tests: bundle-other.js FOLDER FILE.vsix. Its
 * extension.js may import what this folder has installed.
 */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createVSIX } from '@vscode/vsce';
import { build } from 'esbuild';

const [source, packagePath] = process.argv.slice(2);
const cwd = mkdtempSync(path.join(tmpdir(), 'coder-lsp-extension-'));
try {
  cpSync(path.join(source, 'package.json'), path.join(cwd, 'package.json'));
  await build({
    entryPoints: [path.join(source, 'extension.js')],
    outfile: path.join(cwd, 'bundle.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode'],
    nodePaths: [path.resolve('node_modules')],
    logLevel: 'warning',
  });
  await createVSIX({
    cwd,
    packagePath,
    dependencies: false,
    allowMissingRepository: true,
    skipLicense: true,
  });
} finally {
  rmSync(cwd, { recursive: true, force: true });
}
