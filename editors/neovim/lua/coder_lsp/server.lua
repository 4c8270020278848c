--- The running server: which client it is, its commands, its end and its beginning.
local M = {}

M.NAME = 'coder_lsp'

local STOP_MS = 2000 -- after which it is ended by force
local POLL_MS = 20

---@type boolean? What the user switched to, so that a restart keeps it; nil for the settings' own.
local is_enabled

--- Whether completions come as ghost text: Neovim can, and the user wants them so.
---@return boolean
function M.is_inline()
  return vim.fn.has('nvim-0.12') == 1 and require('coder_lsp.options').get().inline
end

--- Tells that the program is not there, which Neovim writes into a log only.
function M.check_program()
  local config = vim.lsp.is_enabled(M.NAME) and vim.lsp.config[M.NAME]
  local program = config and type(config.cmd) == 'table' and config.cmd[1]
  if program and vim.fn.executable(program) == 0 then
    local message = ('%s is not on PATH. :CoderLsp health says what to do.'):format(program)
    M.tell(message, vim.log.levels.ERROR)
  end
end

--- Returns the client, the buffer's own before another's.
---@return vim.lsp.Client?
function M.client()
  local name = M.NAME
  return vim.lsp.get_clients({ name = name, bufnr = 0 })[1]
    or vim.lsp.get_clients({ name = name })[1]
end

--- Switches completions on or off, `wanted` being nil for the other of the two.
---@param wanted? boolean
function M.toggle(wanted)
  M.execute('coder-lsp.toggle', { wanted }, function(answer)
    is_enabled = answer.enabled
    M.tell(answer.enabled and 'completions are on.' or 'completions are off.')
  end)
end

--- Switches completions off for some minutes; 0 switches them on again.
---@param minutes number
function M.snooze(minutes)
  M.execute('coder-lsp.snooze', { minutes }, function(answer)
    local left = math.ceil(answer.snoozedSeconds / 60)
    M.tell(left > 0 and ('no completions for %d min.'):format(left) or 'completions are back.')
  end)
end

--- Returns what is sent with `initialize`, so that the model is loaded with it at once.
---@param config vim.lsp.ClientConfig
---@return table
function M.initial_settings(config)
  local settings = vim.tbl_get(config, 'settings', 'coder-lsp') or {}
  -- Another plug-in that completes in the popup menu shall not be given the same text again.
  local defaults = { plainCompletion = M.is_inline() and 'never' or 'always' }
  local switched = { enabled = is_enabled }
  return vim.tbl_extend('force', defaults, config.init_options or {}, settings, switched)
end

--- Runs one of the server's commands, and gives what it answers to `on_answer`.
---@param command string
---@param arguments any[]
---@param on_answer? fun(answer: any)
function M.execute(command, arguments, on_answer)
  local client = M.client()
  if not client then
    M.tell('the server is not running. :CoderLsp restart starts it.', vim.log.levels.WARN)
    return
  end
  local params = { command = command, arguments = arguments }
  client:request('workspace/executeCommand', params, function(problem, answer)
    if problem then
      M.tell(('%s failed: %s'):format(command, problem.message), vim.log.levels.ERROR)
    elseif on_answer then
      on_answer(answer)
    end
  end)
end

--- Starts the server again, also when it has ended by itself, for all buffers that it is for.
function M.restart()
  for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME })) do
    client:stop(STOP_MS)
  end
  M._start_when_ended(2 * STOP_MS)
end

---@private
---@param patience_ms integer
function M._start_when_ended(patience_ms)
  if #vim.lsp.get_clients({ name = M.NAME }) == 0 then
    vim.lsp.enable(M.NAME)
  elseif patience_ms > 0 then
    vim.defer_fn(function()
      M._start_when_ended(patience_ms - POLL_MS)
    end, POLL_MS)
  else
    M.tell('the server does not end; try once more.', vim.log.levels.ERROR)
  end
end

--- Tells the user.
---@param message string
---@param level? vim.log.levels
function M.tell(message, level)
  vim.notify('coder-lsp: ' .. message, level or vim.log.levels.INFO)
end

return M
