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
    M._follow_popup(bufnr)
  else
    vim.lsp.completion.enable(true, client.id, bufnr, { autotrigger = true, convert = M._entry })
  end
end

--- Returns what Neovim is to insert for an entry of ours: all lines, of which it would take one.
---@private
---@param item lsp.CompletionItem Another server's too.
---@return table
function M._entry(item)
  local is_ours = item.detail == 'coder-lsp' and item.textEdit
  return is_ours and { word = item.textEdit.newText:gsub('\r\n', '\n') } or {}
end

---@private
---@param bufnr integer
function M._follow_popup(bufnr)
  local group = vim.api.nvim_create_augroup('coder_lsp.popup:' .. bufnr, {})
  vim.api.nvim_create_autocmd({ 'CompleteChanged', 'CompleteDone' }, {
    group = group,
    buffer = bufnr,
    callback = function(event)
      require('coder_lsp.completor').redraw(bufnr)
      if event.event == 'CompleteChanged' then
        require('coder_lsp.request').follow_selection()
      end
    end,
  })
end

return M
