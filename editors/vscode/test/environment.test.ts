import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { expect, test } from 'vitest';

import {
  environmentProgram,
  installSteps,
  markComplete,
  readInstallation,
  requirementFor,
} from '../src/environment.js';
import { programOf } from '../src/executable.js';
import { levelOf, ServerLog } from '../src/serverLog.js';
import { runStep, StepFailed } from '../src/step.js';

function emptyFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'coder-lsp-'));
}

test('uv makes the environment and fills it', () => {
  const steps = installSteps('uv', ['/bin/uv'], '/env', 'coder-lsp[cpu]==1.0', 'linux');

  expect(steps.map(({ command, args }) => [command, ...args])).toEqual([
    ['/bin/uv', 'venv', '--python', '>=3.11', '/env'],
    ['/bin/uv', 'pip', 'install', '--python', '/env/bin/python', 'coder-lsp[cpu]==1.0'],
  ]);
});

test('pip is the one of the environment', () => {
  const steps = installSteps('pip', ['py', '-3'], 'C:\\env', 'coder-lsp[cpu]', 'win32');

  expect(steps.map(({ command, args }) => [command, ...args])).toEqual([
    ['py', '-3', '-m', 'venv', 'C:\\env'],
    [
      'C:\\env\\Scripts\\python.exe',
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      'coder-lsp[cpu]',
    ],
  ]);
});

test('the wheel that came with the extension is installed, else its release', () => {
  const folder = emptyFolder();

  expect(requirementFor('', 'cpu', folder, '1.2.3', '/')).toBe('coder-lsp[cpu]==1.2.3');

  writeFileSync(path.join(folder, 'coder_lsp-1.2.3-py3-none-any.whl'), '');

  expect(requirementFor('', 'cuda', folder, '1.2.3', '/')).toMatch(
    /^coder-lsp\[cuda\] @ file:.*\/coder_lsp-1\.2\.3-py3-none-any\.whl$/,
  );
});

test('a clone is installed from where it is, spaces in its path or not', () => {
  const clone = path.join(emptyFolder(), 'my clone');
  mkdirSync(clone);

  expect(requirementFor(clone, 'cpu', '/none', '1.0', '/')).toMatch(/ @ file:.*\/my%20clone$/);
});

test('what is no file is left to pip', () => {
  expect(requirementFor('coder-lsp[cpu]>=2', 'cuda', '/none', '1.0', '/')).toBe('coder-lsp[cpu]>=2');
});

test('an environment counts only when it is complete', () => {
  const folder = emptyFolder();
  const program = programOf(folder, 'coder-lsp', process.platform);
  mkdirSync(path.dirname(program));
  writeFileSync(program, '');
  chmodSync(program, 0o755);

  expect(environmentProgram(folder, process.platform)).toBeUndefined();

  markComplete(folder, { version: '1.0', requirement: 'x' });

  expect(environmentProgram(folder, process.platform)).toBe(program);
  expect(readInstallation(folder)).toEqual({ version: '1.0', requirement: 'x' });
});

test.each(['', '{', 'null', '[]', '{"version": 1}'])('a damaged mark %j is none', (text) => {
  const folder = emptyFolder();
  writeFileSync(path.join(folder, 'coder-lsp-environment.json'), text);

  expect(readInstallation(folder)).toBeUndefined();
});

function node(script: string): { title: string; command: string; args: string[] } {
  return { title: 'node', command: process.execPath, args: ['-e', script] };
}

test('a step tells its lines as they come', async () => {
  const lines: string[] = [];
  const script = 'console.log("one\\n\\ntwo"); console.error("three")';

  await runStep(node(script), (line) => lines.push(line), new AbortController().signal);

  expect(lines.sort()).toEqual(['one', 'three', 'two']);
});

test('a step that fails says its last line', async () => {
  const script = 'console.error("no such package"); process.exitCode = 3';
  const running = runStep(node(script), () => undefined, new AbortController().signal);

  await expect(running).rejects.toThrow(/status 3: no such package/);
});

test('a program that is not there is a failure', async () => {
  const step = { title: '', command: '/nowhere/uv', args: [] };

  await expect(
    runStep(step, () => undefined, new AbortController().signal),
  ).rejects.toBeInstanceOf(StepFailed);
});

test('a step that is stopped ends', async () => {
  const controller = new AbortController();
  const script = 'console.log("started"); setInterval(() => {}, 1000)';
  const running = runStep(
    node(script),
    () => {
      controller.abort();
    },
    controller.signal,
  );

  await expect(running).rejects.toMatchObject({ wasStopped: true });
});

test.each([
  ['2026-11-24 12:00:00,123 WARNING coder_lsp.lsp: slow', 'warn'],
  ['2026-11-24 12:00:00,123 INFO coder_lsp.lsp: loaded', 'info'],
  ['Traceback (most recent call last):', 'error'],
  ['an INFO in the middle', 'error'],
])('%s is of level %s', (line, level) => {
  expect(levelOf(line)).toBe(level);
});

test('the last line of a server is remembered, though it does not end', async () => {
  const noted: string[] = [];
  const note = (line: string): void => {
    noted.push(line);
  };
  const log = new ServerLog({ error: note, warn: note, info: note, debug: note });
  const stream = Readable.from(['Usage: x\n\nErr', 'or: no such option']);
  log.follow(stream);
  await finished(stream);

  expect(noted).toEqual(['Usage: x', 'Error: no such option']);
  expect(log.lastLine).toBe('Error: no such option');
});
