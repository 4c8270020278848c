--- `:CoderLsp SUBCOMMAND`.
local server = require('coder_lsp.server')

local M = {}

---@class coder_lsp.Subcommand
---@field run fun(argument?: string)
---@field arguments string[] What may follow, for completion on the command line.

---@param argument? string
local function toggle(argument)
  local wanted = ({ on = true, off = false })[argument]
  if argument and wanted == nil then
    server.tell(':CoderLsp toggle takes on, off or nothing.', vim.log.levels.ERROR)
  else
    server.toggle(wanted)
  end
end

---@param argument? string
local function snooze(argument)
  local minutes = tonumber(argument)
  if argument and not (minutes and minutes >= 0) then
    server.tell(':CoderLsp snooze takes a number of minutes.', vim.log.levels.ERROR)
  else
    require('coder_lsp').snooze(minutes)
  end
end

local function stats()
  server.execute('coder-lsp.stats', {}, function(answer)
    vim.print(answer.usage or answer)
  end)
end

local function status()
  local current = require('coder_lsp.status').get()
  server.tell(vim.trim(('%s. %s'):format(current.kind, current.message)))
end

local function reload()
  server.execute('coder-lsp.restartModel', {})
end

local function log()
  vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
  vim.cmd.normal({ 'G', bang = true })
end

---@type table<string, coder_lsp.Subcommand>
local SUBCOMMANDS = {
  health = {
    run = function()
      vim.cmd.checkhealth('coder-lsp')
    end,
    arguments = {},
  },
  install = {
    run = function()
      require('coder_lsp.models').install()
    end,
    arguments = {},
  },
  log = { run = log, arguments = {} },
  model = {
    run = function()
      require('coder_lsp.models').choose()
    end,
    arguments = {},
  },
  reload = { run = reload, arguments = {} },
  restart = { run = server.restart, arguments = {} },
  snooze = { run = snooze, arguments = { '0', '10', '30', '60' } },
  stats = { run = stats, arguments = {} },
  status = { run = status, arguments = {} },
  toggle = { run = toggle, arguments = { 'on', 'off' } },
}

--- Runs a subcommand.
---@param command vim.api.keyset.create_user_command.command_args
function M.run(command)
  local name, argument = unpack(command.fargs)
  local subcommand = SUBCOMMANDS[name]
  if subcommand then
    subcommand.run(argument)
  else
    local names = table.concat(M.complete('', 'CoderLsp '), ', ')
    server.tell(
      ('there is no :CoderLsp %s; there are %s.'):format(name, names),
      vim.log.levels.ERROR
    )
  end
end

--- Completes on the command line.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match('^%s*%S+%s+(%S+)%s')
  local subcommand = SUBCOMMANDS[name]
  local words = subcommand and subcommand.arguments or vim.fn.sort(vim.tbl_keys(SUBCOMMANDS))
  if name and not subcommand then
    return {}
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, words)
end

return M
