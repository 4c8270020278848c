import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

import { expect, test } from 'vitest';

import { expandHome, findOnPath, programOf } from '../src/executable.js';
import { locateServer } from '../src/serverLocation.js';

const isWindows = process.platform === 'win32';

function folderWith(name: string, mode = 0o755): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'coder-lsp-'));
  const file = path.join(folder, name);
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return folder;
}

function machine(...folders: string[]): { platform: NodeJS.Platform; env: { PATH: string } } {
  return { platform: process.platform, env: { PATH: folders.join(path.delimiter) } };
}

const program = isWindows ? 'coder-lsp.exe' : 'coder-lsp';

test('the first folder of PATH that has the program wins', () => {
  const [empty, first, second] = [folderWith('other'), folderWith(program), folderWith(program)];

  expect(findOnPath('coder-lsp', machine(empty, first, second))).toBe(path.join(first, program));
});

test.skipIf(isWindows)('what cannot be executed is not a program', () => {
  expect(findOnPath('coder-lsp', machine(folderWith(program, 0o644)))).toBeUndefined();
});

test('a folder of that name is not a program', () => {
  const folder = folderWith('other');
  mkdirSync(path.join(folder, program));

  expect(findOnPath('coder-lsp', machine(folder))).toBeUndefined();
});

test('a relative entry of PATH is passed over', () => {
  expect(findOnPath('coder-lsp', machine('.', 'bin'))).toBeUndefined();
});

test('Windows has Path, Scripts and .exe', () => {
  expect(programOf('C:\\x', 'coder-lsp', 'win32')).toBe('C:\\x\\Scripts\\coder-lsp.exe');
  expect(findOnPath('x', { platform: 'win32', env: { Path: 'C:\\none' } })).toBeUndefined();
});

test.each([
  ['~/bin/x', '/home/me/bin/x'],
  ['~', '/home/me'],
  ['~other/x', '~other/x'],
  ['/a/~/x', '/a/~/x'],
])('%s is %s', (written, meant) => {
  expect(expandHome(written, '/home/me')).toBe(meant);
});

test('the setting comes before PATH, and PATH before the own environment', () => {
  const [set, onPath, own] = [folderWith(program), folderWith(program), folderWith(program)].map(
    (folder) => path.join(folder, program),
  ) as [string, string, string];
  const here = machine(path.dirname(onPath));

  expect(locateServer(set, own, '/', here)).toMatchObject({ command: set, origin: 'setting' });
  expect(locateServer(' ', own, '/', here)).toMatchObject({ command: onPath, origin: 'path' });
  expect(locateServer('', own, '/', machine())).toMatchObject({
    command: own,
    origin: 'environment',
  });
});

test('a setting that names nothing runnable is told, though PATH has a program', () => {
  const here = machine(folderWith(program));

  expect(locateServer('/nowhere/coder-lsp', undefined, '/', here)).toMatchObject({
    kind: 'missing',
    isSettingWrong: true,
    message: expect.stringContaining('/nowhere/coder-lsp') as string,
  });
});

test('a bare name in the setting is looked up on PATH', () => {
  const folder = folderWith(program);

  expect(locateServer('coder-lsp', undefined, '/', machine(folder))).toMatchObject({
    command: path.join(folder, program),
  });
});

test('without a server anywhere the remedy is to install it', () => {
  expect(locateServer('', undefined, '/', machine())).toMatchObject({
    kind: 'missing',
    isSettingWrong: false,
  });
});
