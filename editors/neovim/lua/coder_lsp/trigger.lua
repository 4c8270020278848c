--- Asks for completions explicitly. Neovim itself only ever asks as if for typing, and the server
--- then answers with one; asked explicitly it takes more time and gives alternatives.
local completor = require('coder_lsp.completor')
local ghost_text = require('coder_lsp.ghost_text')
local server = require('coder_lsp.server')

local M = {}

local INVOKED = 1 -- lsp.InlineCompletionTriggerKind

--- Asks for completions at the cursor and shows the first; the others are for `next`.
function M.trigger()
  local client = vim.lsp.get_clients({ name = server.NAME, bufnr = 0 })[1]
  if not client then
    server.tell('no server is attached to this buffer.', vim.log.levels.WARN)
    return
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local place = M._place(bufnr)
  completor.clear(bufnr)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = INVOKED }
  client:request('textDocument/inlineCompletion', params, function(problem, answer)
    -- Where the cursor has moved on Neovim has asked again by itself.
    if problem or not vim.deep_equal(place, M._place(bufnr)) then
      return
    end
    local items = answer and (answer.items or answer) or {}
    completor.offer(bufnr, client.id, items)
    if #items == 0 then
      ghost_text.note(bufnr, ' no completion here')
    end
  end, bufnr)
end

---@private
---@param bufnr integer
---@return table
function M._place(bufnr)
  return {
    vim.api.nvim_get_current_buf(),
    vim.api.nvim_buf_get_changedtick(bufnr),
    vim.api.nvim_win_get_cursor(0),
    vim.api.nvim_get_mode().mode,
  }
end

return M
