--- What the user wants, from |vim.g.coder_lsp| or |coder_lsp.setup()|, on top of the defaults.
local M = {}

---@class coder_lsp.Keys
---@field accept string|false
---@field accept_word string|false
---@field accept_line string|false
---@field next string|false
---@field previous string|false
---@field dismiss string|false
---@field trigger string|false

---@class coder_lsp.Options
---@field cmd string[] What starts the server.
---@field filetypes string[] Where it is started.
---@field settings table<string, any> The server's settings; README.md has the table.
---@field inline boolean Ghost text; false completes in the popup menu instead.
---@field keys coder_lsp.Keys|false Keys of Insert mode; false for no key, for one or for all.
---@field snooze_minutes integer How long `:CoderLsp snooze` lasts when it is not told.

---@type coder_lsp.Options
local DEFAULTS = {
  cmd = { 'coder-lsp', 'serve' },
  filetypes = {
    'bash',
    'c',
    'cpp',
    'cs',
    'css',
    'go',
    'html',
    'java',
    'javascript',
    'javascriptreact',
    'json',
    'kotlin',
    'less',
    'lua',
    'markdown',
    'php',
    'python',
    'ruby',
    'rust',
    'scss',
    'sh',
    'sql',
    'swift',
    'toml',
    'typescript',
    'typescriptreact',
    'yaml',
    'zsh',
  },
  settings = {},
  inline = true,
  keys = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-C-Right>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    trigger = '<M-Bslash>',
  },
  snooze_minutes = 10,
}

--- Returns the options as they are now.
---@return coder_lsp.Options
function M.get()
  local given = vim.g.coder_lsp or {}
  local options = vim.tbl_deep_extend('force', DEFAULTS, given)
  if options.keys == false then
    options.keys = {}
  end
  return options
end

--- Keeps the user's options. Raises an error that names the first one that is not as it should be.
---@param given table
function M.set(given)
  local problem = M.problems(given)[1]
  if problem then
    error('coder_lsp.setup: ' .. problem, 0)
  end
  vim.g.coder_lsp = given
end

--- Returns what is wrong with the user's options, a sentence for each.
---@param given any
---@return string[]
function M.problems(given)
  if type(given) ~= 'table' then
    return { ('the options should be a table, not %s.'):format(type(given)) }
  end
  local problems = M._unknown(given, DEFAULTS, '')
  for name, default in pairs(DEFAULTS) do
    local value = given[name]
    local is_off = name == 'keys' and value == false
    if value ~= nil and type(value) ~= type(default) and not is_off then
      table.insert(
        problems,
        ('%s should be a %s, not %s.'):format(name, type(default), vim.inspect(value))
      )
    end
  end
  if type(given.keys) == 'table' then
    vim.list_extend(problems, M._unknown(given.keys, DEFAULTS.keys, 'keys.'))
  end
  return problems
end

---@private
function M._unknown(given, known, prefix)
  local problems = {}
  for name in vim.spairs(given) do
    if known[name] == nil then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(known)), ', ')
      table.insert(problems, ('there is no option %s%s; there are %s.'):format(prefix, name, names))
    end
  end
  return problems
end

return M
