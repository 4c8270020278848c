/** The one language client of a window: starting the server, watching it, ending it. */

import { homedir } from 'node:os';

import * as vscode from 'vscode';
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  InlineCompletionRequest,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type CloseHandlerResult,
  type ErrorHandler,
} from 'vscode-languageclient/node';

import { environmentProgram } from './environment.js';
import { documentSelector } from './languages.js';
import { RestartPolicy } from './restartPolicy.js';
import { locateServer, type MissingServer } from './serverLocation.js';
import { ServerLog } from './serverLog.js';
import { SECTION } from './serverSettings.js';
import type { Settings } from './settings.js';
import { readStatus, STARTING, type Remedy, type Status } from './status.js';

const STATUS_NOTIFICATION = 'coder-lsp/status';
/** languageclient registers the server's commands in the whole window; this is one of them. */
const SERVER_COMMAND = 'coder-lsp.accept';
const STOP_MS = 2000;

const RESTART = { title: 'Restart the server', command: 'coderLsp.restart' };
const INSTALL = { title: 'Install coder-lsp', command: 'coderLsp.install' };
const SET_PATH = { title: 'Open the settings', command: 'coderLsp.openSettings' };
const SHOW_LOG = { title: 'Show the log', command: 'coderLsp.showLog' };

/** Starts and restarts the server; `onStatus` tells what it is at. */
export class CoderClient implements vscode.Disposable {
  private readonly statusEmitter = new vscode.EventEmitter<Status>();
  private readonly missingEmitter = new vscode.EventEmitter<MissingServer>();
  private readonly restarts = new RestartPolicy();
  private client: LanguageClient | undefined;
  private status: Status = STARTING;
  private isProviding = false;
  /** Starts and stops one after the other, whoever asks for them. */
  private queue: Promise<void> = Promise.resolve();

  readonly onStatus = this.statusEmitter.event;
  readonly onMissing = this.missingEmitter.event;

  constructor(
    private readonly settings: Settings,
    private readonly environment: string,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  get currentStatus(): Status {
    return this.status;
  }

  /** Where the server is; the extension's own environment counts only when it is complete. */
  locate(): ReturnType<typeof locateServer> {
    const machine = { platform: process.platform, env: process.env };
    const own = environmentProgram(this.environment, process.platform);
    return locateServer(this.settings.path, own, homedir(), machine);
  }

  start(): Promise<void> {
    return this.inTurn(() => this.startNow());
  }

  /** End the server, if it runs, and start it anew, looking for it afresh. */
  restart(): Promise<void> {
    return this.inTurn(async () => {
      this.restarts.forget();
      await this.stopNow();
      await this.startNow();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.stopNow());
  }

  /** Have the server execute one of its commands. Throws when it does not run. */
  async execute(command: string, ...args: unknown[]): Promise<unknown> {
    if (this.client?.state !== State.Running) {
      throw new Error('The server does not run. Restart it, or see the log.');
    }
    const params = { command, arguments: args };
    return this.client.sendRequest(ExecuteCommandRequest.type, params);
  }

  /** Tell the server that its settings have changed. */
  async sendSettings(): Promise<void> {
    if (this.client?.state === State.Running) {
      const settings = { [SECTION]: this.settings.forServer() };
      await this.client.sendNotification(DidChangeConfigurationNotification.type, { settings });
    }
  }

  dispose(): void {
    void this.stop();
    this.statusEmitter.dispose();
    this.missingEmitter.dispose();
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }

  private async startNow(): Promise<void> {
    this.setStatus(STARTING);
    const location = this.locate();
    if (location.kind === 'missing') {
      const remedy = location.isSettingWrong ? SET_PATH : INSTALL;
      this.setStatus({ kind: 'error', message: location.message, progress: null, remedy });
      this.missingEmitter.fire(location);
      return;
    }
    if ((await vscode.commands.getCommands()).includes(SERVER_COMMAND)) {
      const message =
        'Another extension runs coder-lsp in this window already, and its commands can be registered only once. Disable one of the two, and reload the window.';
      this.setStatus({ kind: 'error', message, progress: null });
      return;
    }
    this.log.info(`Starting ${location.command} serve (found by: ${location.origin})`);
    const client = this.createClient(location.command);
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      // The client has told it already, and the state change has set the status.
      this.log.debug(String(error));
    }
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client === undefined) {
      return;
    }
    try {
      await client.dispose(STOP_MS);
    } catch (error) {
      // What could not be started, or has crashed, has nothing left to be stopped.
      this.log.debug(`Stopping: ${String(error)}`);
    }
  }

  private createClient(command: string): LanguageClient {
    const serverLog = new ServerLog(this.log);
    let hasFailedToStart = false;
    const tellFailedStart = (): void => {
      if (this.client === client && hasFailedToStart) {
        this.setStatus(couldNotStart(serverLog.lastLine));
      }
    };
    const client: LanguageClient = new LanguageClient(
      SECTION,
      'coder-lsp',
      // With a transport languageclient would append an option of its own.
      { command, args: ['serve'] },
      {
        documentSelector: documentSelector(this.settings.languages),
        initializationOptions: () => this.settings.forServer(),
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        errorHandler: this.errorHandler(() => this.client === client && client.state === State.Running),
        stdioOptions: {
          stdout: (stream) => {
            serverLog.follow(stream);
          },
          stderr: (stream) => {
            serverLog.follow(stream);
            // Its last words may come after the client has given it up.
            stream.once('close', () => {
              tellFailedStart();
            });
          },
        },
        middleware: {
          workspace: {
            // Asked for its section, the server is given its own settings only.
            configuration: (params) => params.items.map(() => this.settings.forServer()),
          },
        },
      },
    );
    client.registerFeature({
      fillClientCapabilities: (capabilities) => {
        const experimental = (capabilities.experimental ?? {}) as Record<string, unknown>;
        capabilities.experimental = { ...experimental, coderLspStatus: true };
      },
      initialize: () => undefined,
      getState: () => ({ kind: 'static' }),
      clear: () => undefined,
    });
    client.onNotification(STATUS_NOTIFICATION, (sent: unknown) => {
      const status = readStatus(sent);
      if (status !== undefined && this.client === client) {
        this.setStatus(status);
      }
    });
    client.onDidChangeState(({ newState }) => {
      if (this.client !== client) {
        return;
      }
      if (newState === State.Running) {
        this.isProviding = true;
        this.provideAsWanted();
      }
      // languageclient calls what could not be started stopped once it hears of its end.
      hasFailedToStart =
        newState === State.StartFailed || (hasFailedToStart && newState === State.Stopped);
      tellFailedStart();
    });
    return client;
  }

  private errorHandler(isRunning: () => boolean): ErrorHandler {
    return {
      error: (_error, _message, count) => ({
        action: (count ?? 0) <= 3 ? ErrorAction.Continue : ErrorAction.Shutdown,
        handled: true,
      }),
      // What ends before it has answered once would end again.
      closed: () =>
        isRunning() ? this.serverEnded() : { action: CloseAction.DoNotRestart, handled: true },
    };
  }

  private serverEnded(): CloseHandlerResult {
    const { attempt, limit } = this.restarts.recordEnd(Date.now());
    if (attempt !== undefined) {
      const message = `The server ended unexpectedly; starting it again (${String(attempt)} of ${String(limit)})`;
      this.setStatus({ kind: 'starting', message, progress: null });
      return { action: CloseAction.Restart, message, handled: true };
    }
    const message = `The server ended ${String(limit + 1)} times within three minutes and is not started again.`;
    this.setStatus({ kind: 'error', message, progress: null, remedy: RESTART });
    void this.offer(message, [RESTART, SHOW_LOG]);
    return { action: CloseAction.DoNotRestart, message, handled: true };
  }

  private async offer(message: string, remedies: readonly Remedy[]): Promise<void> {
    const titles = remedies.map(({ title }) => title);
    const chosen = await vscode.window.showErrorMessage(message, ...titles);
    const remedy = remedies.find(({ title }) => title === chosen);
    if (remedy !== undefined) {
      await vscode.commands.executeCommand(remedy.command);
    }
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.provideAsWanted();
    this.statusEmitter.fire(status);
  }

  /**
   * Offer inline completions only while there are any: VS Code holds its own suggestions back for
   * those of any extension that is registered (`offWhenInlineCompletions`).
   */
  private provideAsWanted(): void {
    const isWanted = !['off', 'snoozed', 'error'].includes(this.status.kind);
    const client = this.client;
    if (client?.state !== State.Running || isWanted === this.isProviding) {
      return;
    }
    this.isProviding = isWanted;
    const feature = client.getFeature(InlineCompletionRequest.method);
    if (isWanted) {
      const capabilities = client.initializeResult?.capabilities ?? {};
      feature?.initialize(capabilities, documentSelector(this.settings.languages));
    } else {
      feature?.clear();
    }
  }
}

function couldNotStart(lastLine: string): Status {
  const reason = lastLine === '' ? 'it ended without a word' : lastLine;
  const message = `coder-lsp could not be started: ${reason}. Run coder-lsp doctor, or see the log.`;
  return { kind: 'error', message, progress: null, remedy: RESTART };
}
