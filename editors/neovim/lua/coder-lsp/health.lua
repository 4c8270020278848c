--- `:checkhealth coder-lsp`. The folder's name is what makes that command find it.
local M = {}

--- Reports what is as it should be, and what to do about the rest.
function M.check()
  vim.health.start('Neovim')
  if not M._check_neovim() then
    return
  end
  vim.health.start('Configuration')
  M._check_options()
  vim.health.start('Server')
  M._check_program()
  M._check_client()
end

---@private
---@return boolean can_run
function M._check_neovim()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 0 then
    vim.health.error(('Neovim %s cannot run this plug-in.'):format(version), {
      'Use Neovim 0.12 for ghost text, or 0.11 for completions in the popup menu.',
    })
    return false
  end
  if vim.fn.has('nvim-0.12') == 0 then
    vim.health.warn(('Neovim %s has no inline completion.'):format(version), {
      'Completions appear in the popup menu. Use Neovim 0.12 for ghost text.',
    })
  elseif require('coder_lsp.completor').is_known() then
    vim.health.ok(('Neovim %s has inline completion.'):format(version))
  else
    vim.health.warn(('Neovim %s keeps its inline completion as 0.12.4 did not.'):format(version), {
      'Ghost text and accepting all of it work. Words, lines, dismissing and alternatives do not.',
      'Look for a newer version of this plug-in.',
    })
  end
  return true
end

---@private
function M._check_options()
  local problems = require('coder_lsp.options').problems(vim.g.coder_lsp or {})
  for _, problem in ipairs(problems) do
    vim.health.error('vim.g.coder_lsp: ' .. problem)
  end
  if #problems == 0 then
    vim.health.ok('The options are understood.')
  end
  if vim.lsp.is_enabled and not vim.lsp.is_enabled('coder_lsp') then
    vim.health.warn('The server is not enabled.', {
      "Put vim.lsp.enable('coder_lsp') into your configuration.",
    })
  end
end

---@private
function M._check_program()
  local config = vim.lsp.config.coder_lsp
  local program = type(config.cmd) == 'table' and config.cmd[1] or nil
  if not program then
    vim.health.info('The server is started by a function of your configuration.')
  elseif vim.fn.executable(program) == 1 then
    vim.health.ok(('%s is %s'):format(program, vim.fn.exepath(program)))
    M._check_version(program)
  else
    vim.health.error(('%s is not on PATH.'):format(program), {
      'Install it: pip install "coder-lsp[cpu]"',
      'Or name it: require("coder_lsp").setup({ cmd = { "/path/to/coder-lsp", "serve" } })',
    })
  end
end

---@private
---@param program string
function M._check_version(program)
  local result = vim.system({ program, '--version' }, { text = true, timeout = 10000 }):wait()
  if result.code == 0 then
    vim.health.ok(vim.trim(result.stdout))
  else
    vim.health.error(('%s --version ended with status %d.'):format(program, result.code), {
      vim.trim(result.stderr),
    })
  end
end

---@private
function M._check_client()
  local status = require('coder_lsp').status()
  local client = require('coder_lsp.server').client()
  if not client then
    vim.health.info('The server is not running; it starts with a file that it is for.')
  elseif status.kind == 'error' then
    vim.health.error('The server runs, but: ' .. status.message)
  else
    vim.health.ok(vim.trim(('The server runs: %s. %s'):format(status.kind, status.message)))
    vim.health.info('Its log: ' .. vim.lsp.log.get_filename())
  end
end

return M
