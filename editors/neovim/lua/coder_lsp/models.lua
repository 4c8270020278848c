--- Choosing among the installed models, and installing one of those that are known.
local server = require('coder_lsp.server')

local M = {}

--- Returns the program that is started as the server.
---@return string
local function program()
  local config = vim.lsp.config[server.NAME]
  return config and type(config.cmd) == 'table' and config.cmd[1] or 'coder-lsp'
end

--- Runs the program, and gives what it prints to `on_output`.
---@param arguments string[]
---@param on_output fun(output: string)
local function run(arguments, on_output)
  local command = vim.list_extend({ program() }, arguments)
  local is_started, problem = pcall(vim.system, command, { text = true }, function(result)
    vim.schedule(function()
      if result.code == 0 then
        on_output(result.stdout)
      else
        server.tell(vim.trim(result.stderr), vim.log.levels.ERROR)
      end
    end)
  end)
  if not is_started then
    server.tell(tostring(problem), vim.log.levels.ERROR)
  end
end

--- Runs the program, which prints a list of models, and has the user choose one.
---@param arguments string[]
---@param prompt string
---@param format fun(model: table): string
---@param on_choice fun(model: table)
local function choose(arguments, prompt, format, on_choice)
  run(arguments, function(output)
    local models = vim.json.decode(output)
    vim.ui.select(models, { prompt = prompt, format_item = format }, function(model)
      if model then
        on_choice(model)
      end
    end)
  end)
end

--- Returns an installed model as a line.
---@param model table
---@return string
local function installed_line(model)
  local state = model.is_default and ', the default' or ''
  return model.name .. state .. (model.error ~= vim.NIL and ' (damaged)' or '')
end

--- Returns a known model as a line.
---@param model table
---@return string
function M.known_line(model)
  return ('%s (%s%s, %.1f GB of memory, %.0f tokens/s, %s)'):format(
    model.name,
    model.is_recommended and 'recommended, ' or '',
    model.is_installed and 'installed' or ('%.1f GB to download'):format(model.download_bytes / 1e9),
    model.memory_bytes / 1e9,
    model.predicted.decode_tokens_per_second,
    model.license
  )
end

--- Has the user choose the default model, and loads it.
function M.choose()
  choose({ 'models', '--json' }, 'Default model:', installed_line, function(model)
    local name = model.embedded and 'embedded' or model.name
    run({ 'models', '--use', name }, function()
      server.tell(('%s is the default model now.'):format(name))
      if server.client() then
        server.execute('coder-lsp.restartModel', {})
      end
    end)
  end)
end

--- Has the user choose a known model, and installs it in a terminal, which asks for the licence.
function M.install()
  server.tell('measuring this machine for two seconds.')
  choose({ 'install', '--list', '--json' }, 'Install:', M.known_line, function(model)
    vim.cmd.new()
    vim.fn.jobstart({ program(), 'install', model.source }, { term = true })
    vim.cmd.startinsert()
  end)
end

return M
