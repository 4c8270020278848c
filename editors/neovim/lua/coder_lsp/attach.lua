--- What is done for a buffer that the server was attached to.
local server = require('coder_lsp.server')

local M = {}

--- Lets completions appear in a buffer: as ghost text, or in the popup menu.
---@param bufnr integer
---@param client vim.lsp.Client
function M.attach(bufnr, client)
  require('coder_lsp.status').set_started()
  if server.is_inline() then
    require('coder_lsp.completor').take_over_drawing()
    vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
    require('coder_lsp.keys').map(bufnr)
  else
    vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true })
  end
end

return M
