import { expect, test } from 'vitest';

import { documentSelector } from '../src/languages.js';
import { menuEntries } from '../src/menu.js';
import { readCatalogue, readModels } from '../src/modelList.js';
import { RestartPolicy } from '../src/restartPolicy.js';
import {
  serverOptions,
  serverSettingNames,
  settlePlainCompletion,
} from '../src/serverSettings.js';
import { readStatus, STATUS_KINDS, viewOf, type Status } from '../src/status.js';
import { describeUsage, readUsage } from '../src/usage.js';

function status(kind: Status['kind'], more: Partial<Status> = {}): Status {
  return { kind, message: '', progress: null, ...more };
}

test.each([
  ['ready', null, '$(sparkle) coder-lsp'],
  ['loading', 40, '$(loading~spin) coder-lsp 40 %'],
  ['loading', null, '$(loading~spin) coder-lsp'],
  ['error', null, '$(error) coder-lsp'],
] as const)('%s at %s reads %s', (kind, progress, text) => {
  expect(viewOf(status(kind, { progress })).text).toBe(text);
});

test('every kind looks different, and only an error looks like one', () => {
  const views = STATUS_KINDS.map((kind) => viewOf(status(kind)));

  expect(new Set(views.map((view) => view.heading)).size).toBe(STATUS_KINDS.length);
  expect(views.filter((view) => view.isError)).toHaveLength(1);
});

test.each([null, 'ready', {}, { kind: 'asleep' }, []])('%j is no status', (sent) => {
  expect(readStatus(sent)).toBeUndefined();
});

test('a status is read with what can be read of it', () => {
  expect(readStatus({ kind: 'loading', message: 'x', progress: 140.2 })).toEqual({
    kind: 'loading',
    message: 'x',
    progress: 100,
  });
  expect(readStatus({ kind: 'ready' })).toEqual({ kind: 'ready', message: '', progress: null });
  expect(readStatus({ kind: 'ready', suggestion: 'More.' })?.suggestion).toBe('More.');
});

function commands(of: Status): string[] {
  return menuEntries(of, '').map((entry) => entry.command);
}

test('the remedy comes first in the menu', () => {
  const remedy = { title: 'Install', command: 'coderLsp.install' };

  expect(commands(status('error', { remedy }))[0]).toBe('coderLsp.install');
});

test('what is off is turned on, what is snoozed is woken', () => {
  expect(menuEntries(status('off'), '')[0]?.label).toContain('on');
  expect(commands(status('off'))).not.toContain('coderLsp.snooze');
  expect(commands(status('snoozed'))).toContain('coderLsp.endSnooze');
  expect(commands(status('ready'))).toContain('coderLsp.snooze');
});

test('four restarts within three minutes, then none', () => {
  const policy = new RestartPolicy();
  const attempts = [0, 1, 2, 3, 4].map((second) => policy.recordEnd(second * 1000).attempt);

  expect(attempts).toEqual([1, 2, 3, 4, undefined]);
  expect(policy.recordEnd(4 * 60 * 1000).attempt).toBe(1);
});

test('a restart by hand starts the count anew', () => {
  const policy = new RestartPolicy();
  [0, 1, 2, 3, 4].forEach((second) => policy.recordEnd(second));
  policy.forget();

  expect(policy.recordEnd(5).attempt).toBe(1);
});

test('the server is sent its own settings only', () => {
  const own = { properties: { 'coder-lsp.path': {}, 'coder-lsp.install.extra': {} } };
  const servers = { properties: { 'coder-lsp.model': {}, 'coder-lsp.threads': {} } };
  const names = serverSettingNames([own, servers]);

  expect(names).toEqual(['model', 'threads']);
  expect(serverOptions(names, (name) => (name === 'model' ? 'x' : undefined))).toEqual({
    model: 'x',
  });
});

test.each([
  ['auto', true, 'never'],
  ['auto', false, 'always'],
  ['always', true, 'always'],
  ['never', false, 'never'],
])('plain completion that is %s, with ghost text %s, is %s', (wanted, showsGhostText, sent) => {
  const options = { model: 'x', plainCompletion: wanted };

  expect(settlePlainCompletion(options, showsGhostText)).toEqual({ model: 'x', plainCompletion: sent });
});

test('languages become filters, a star all of them', () => {
  expect(documentSelector(['go', 'go'])).toEqual([
    { scheme: 'file', language: 'go' },
    { scheme: 'untitled', language: 'go' },
    { scheme: 'vscode-notebook-cell', language: 'go' },
  ]);
  expect(documentSelector(['go', '*'])).toHaveLength(3);
  expect(documentSelector(['*'])[0]).toEqual({ scheme: 'file' });
  expect(documentSelector([])).toEqual([]);
});

test('the embedded model is chosen by its own word, others by their paths', () => {
  const model = { error: null, license: 'MIT', precision: 'int8', size_bytes: 20_350_635 };
  const listed = [
    { ...model, name: 'mini', path: '/a/mini', embedded: true },
    { ...model, name: 'lite', path: '/b/lite', embedded: false },
    { ...model, name: 'bad', path: '/b/bad', embedded: false, error: 'no manifest' },
  ];

  expect(readModels(JSON.stringify(listed))).toEqual([
    { label: 'mini', description: 'embedded, int8, 20 MB, MIT', model: 'embedded' },
    { label: 'lite', description: 'int8, 20 MB, MIT, /b/lite', model: '/b/lite' },
    { label: 'bad', description: 'no manifest, /b/bad', model: '/b/bad' },
  ]);
  expect(() => readModels('{}')).toThrow('list');
});

test('a known model is shown with what it takes and gives', () => {
  const model = {
    name: 'Small',
    source: 'some/Small',
    license: 'mit',
    download_bytes: 3.1e9,
    disk_bytes: 1.4e9,
    memory_bytes: 1.9e9,
    predicted: { prefill_tokens_per_second: 160.2, decode_tokens_per_second: 24.6 },
    is_installed: false,
    is_recommended: true,
  };

  expect(readCatalogue(JSON.stringify([model]))).toEqual([
    {
      label: 'Small',
      description: 'recommended, mit',
      detail:
        '3.1 GB to download, 1.4 GB on disk, 1.9 GB of memory; ' +
        '160 tokens read and 25 tokens written per second here',
      source: 'some/Small',
    },
  ]);
  expect(() => readCatalogue('{}')).toThrow('install --list');
});

test('counts are told in words', () => {
  const counts = { partiallyAccepted: 2, rejected: 3, acceptedCharacters: 99 };
  const usage = { shown: 12, accepted: 3, since: '2026-11-24T10:00:00Z', ...counts };

  expect(describeUsage(usage)).toEqual({
    heading: '12 completions shown, 3 accepted (25 %)',
    details:
      'Since 2026-11-24, on this machine only.\n\nAccepted in part: 2\nRejected: 3\nCharacters accepted: 99',
  });
  expect(describeUsage({ shown: 0, accepted: 0, ...counts }).heading).toBe(
    '0 completions shown, 0 accepted',
  );
});

test('a server without counts has none', () => {
  expect(readUsage({ session: {} })).toBeUndefined();
  expect(readUsage(null)).toBeUndefined();
});
