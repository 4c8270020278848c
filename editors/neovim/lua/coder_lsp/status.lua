--- What the server is at, as it tells, for the status line and for `:CoderLsp status`.
local server = require('coder_lsp.server')

local M = {}

---@class coder_lsp.Status
---@field kind 'starting'|'loading'|'ready'|'busy'|'off'|'snoozed'|'error'|'ended'|'stopped'
---@field message string
---@field progress? number In percent.
---@field suggestion? string What would complete better.

local MESSAGE_MS = 100 -- within which Neovim has shown a message

---@type coder_lsp.Status
local STOPPED = { kind = 'stopped', message = 'The server is not running.' }

---@type coder_lsp.Status
local current = STOPPED
local has_told = false
local has_suggested = false

---@param status coder_lsp.Status
local function change(status)
  current = status
  vim.api.nvim_exec_autocmds('User', { pattern = 'CoderLspStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- Returns the status as it is now.
---@return coder_lsp.Status
function M.get()
  return current
end

--- Returns the status in a few words: `coder-lsp: loading 40%`; empty while there is no server.
---@return string
function M.text()
  if current.kind == 'stopped' then
    return ''
  end
  local progress = current.progress and (' %d%%%%'):format(current.progress) or ''
  return ('coder-lsp: %s%s'):format(current.kind, progress)
end

--- Takes in what `coder-lsp/status` says.
---@param client_id integer
---@param status coder_lsp.Status
function M.set(client_id, status)
  has_told = true
  local progress = status.progress ~= vim.NIL and status.progress or nil
  change({ kind = status.kind, message = status.message, progress = progress })
  if type(status.suggestion) == 'string' and not has_suggested then
    has_suggested = true
    server.tell(status.suggestion)
  end
  -- Ghost text that stands there still would say that completions are on.
  if status.kind == 'off' or status.kind == 'snoozed' then
    local client = vim.lsp.get_client_by_id(client_id)
    for bufnr in pairs(client and client.attached_buffers or {}) do
      require('coder_lsp.completor').clear(bufnr)
    end
  end
end

--- Takes in `$/progress`, which counts only as long as no `coder-lsp/status` came.
---@param value lsp.WorkDoneProgressBegin|lsp.WorkDoneProgressReport|lsp.WorkDoneProgressEnd
function M.set_progress(value)
  if has_told then
    return
  end
  local is_loading = value.kind ~= 'end'
  change({
    kind = is_loading and 'loading' or 'ready',
    message = value.message or value.title or '',
    progress = is_loading and value.percentage or nil,
  })
end

--- Takes in that a client was started.
function M.set_started()
  if current.kind == 'stopped' or current.kind == 'ended' then
    has_told = false
    change({ kind = 'starting', message = 'The server is starting.' })
  end
end

--- Takes in the end of a server, and tells the user when nobody asked for it.
---@param client_id integer
---@param code integer
---@param signal integer
function M.set_ended(client_id, code, signal)
  local client = vim.lsp.get_client_by_id(client_id)
  local was_asked = client == nil or client._is_stopping or (code == 0 and signal == 0)
  if was_asked or vim.v.exiting ~= vim.NIL then
    change(STOPPED)
    return
  end
  local reason = signal ~= 0 and ('signal %d'):format(signal) or ('exit code %d'):format(code)
  change({ kind = 'ended', message = ('The server has ended (%s).'):format(reason) })
  M._tell_end(('the server has ended (%s). :CoderLsp restart starts it again.'):format(reason))
end

--- Tells of the server's end without a prompt, which would eat what is being typed.
---
--- Neovim tells of it too, on a line longer than many screens are wide; ours comes after it.
---@private
---@param message string
function M._tell_end(message)
  local messagesopt = vim.o.messagesopt
  vim.o.messagesopt = messagesopt:gsub('hit%-enter', 'wait:0')
  vim.defer_fn(function()
    server.tell(message, vim.log.levels.ERROR)
    vim.defer_fn(function()
      vim.o.messagesopt = messagesopt
    end, MESSAGE_MS)
  end, MESSAGE_MS)
end

return M
