-- Commands, <Plug> mappings and what is done when the server attaches. It starts nothing by itself:
-- `vim.lsp.enable('coder_lsp')` does.
if vim.g.loaded_coder_lsp then
  return
end
vim.g.loaded_coder_lsp = true

-- What is older has no `vim.lsp.enable`; `:checkhealth coder-lsp` says so.
if vim.fn.has('nvim-0.11') == 0 then
  return
end

local group = vim.api.nvim_create_augroup('coder_lsp', {})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'coder_lsp' then
      require('coder_lsp.attach').attach(event.buf, client)
    end
  end,
})

vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'coder_lsp' then
      require('coder_lsp.status').set_progress(event.data.params.value)
    end
  end,
})

-- The configuration has been read by then, and Neovim has tried to start the server.
vim.api.nvim_create_autocmd('VimEnter', {
  group = group,
  callback = vim.schedule_wrap(function()
    if vim.lsp.is_enabled then
      require('coder_lsp.server').check_program()
    end
  end),
})

vim.api.nvim_create_user_command('CoderLsp', function(command)
  require('coder_lsp.commands').run(command)
end, {
  nargs = '+',
  desc = 'coder-lsp: see :help :CoderLsp',
  complete = function(lead, line)
    return require('coder_lsp.commands').complete(lead, line)
  end,
})

local ACTIONS = { 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'trigger' }
for _, action in ipairs(ACTIONS) do
  local name = '<Plug>(coder-lsp-' .. action:gsub('_', '-') .. ')'
  vim.keymap.set('i', name, function()
    require('coder_lsp')[action]()
  end)
end
