--- Requests of our own, where Neovim's do not say enough. It only ever asks as if for typing, which
--- the server answers with one completion; asked explicitly it takes more time and gives
--- alternatives. And Neovim does not tell what is selected in the popup menu.
local completor = require('coder_lsp.completor')
local ghost_text = require('coder_lsp.ghost_text')
local popup = require('coder_lsp.popup')
local server = require('coder_lsp.server')

local M = {}

---@enum lsp.InlineCompletionTriggerKind
local TRIGGER_KIND = { INVOKED = 1, AUTOMATIC = 2 }

local SELECTION_MS = 60 -- Who holds a key down selects more entries than are worth a request.

--- Asks for completions at the cursor and shows the first; the others are for `next`.
function M.trigger()
  local bufnr = vim.api.nvim_get_current_buf()
  completor.clear(bufnr)
  local is_asked = M._ask({ triggerKind = TRIGGER_KIND.INVOKED }, function(client, items)
    completor.offer(bufnr, client.id, items)
    if #items == 0 then
      ghost_text.note(bufnr, ' no completion here')
    end
  end)
  if not is_asked then
    server.tell('no server is attached to this buffer.', vim.log.levels.WARN)
  end
end

--- Asks, a moment later, for what follows an entry that is selected and not in the text yet.
function M.follow_selection()
  local place = M._place()
  vim.defer_fn(function()
    local selection = popup.selection(M._line_to_cursor())
    if not selection or not vim.deep_equal(place, M._place()) then
      return
    end
    local bufnr = vim.api.nvim_get_current_buf()
    local context = { triggerKind = TRIGGER_KIND.AUTOMATIC }
    M._ask(context, function(client, items)
      completor.offer(bufnr, client.id, items)
    end, selection)
  end, SELECTION_MS)
end

---@private
---@param context lsp.InlineCompletionContext
---@param on_answer fun(client: vim.lsp.Client, items: lsp.InlineCompletionItem[])
---@param selection? coder_lsp.Selection
---@return boolean is_asked
function M._ask(context, on_answer, selection)
  local client = vim.lsp.get_clients({ name = server.NAME, bufnr = 0 })[1]
  if not client then
    return false
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = context
  if selection then
    local range = { start = M._position(client, selection.num_typed), ['end'] = params.position }
    context.selectedCompletionInfo = { range = range, text = selection.word }
  end
  local place = M._place()
  return client:request('textDocument/inlineCompletion', params, function(problem, answer)
    -- Where the cursor has moved on Neovim has asked again by itself.
    if not problem and vim.deep_equal(place, M._place()) then
      on_answer(client, answer and (answer.items or answer) or {})
    end
  end, 0)
end

--- Returns the position so many bytes before the cursor.
---@private
---@param client vim.lsp.Client
---@param num_bytes integer
---@return lsp.Position
function M._position(client, num_bytes)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  local character = vim.str_utfindex(line, client.offset_encoding, column - num_bytes)
  return { line = row - 1, character = character }
end

---@private
---@return string
function M._line_to_cursor()
  local column = vim.api.nvim_win_get_cursor(0)[2]
  return vim.api.nvim_get_current_line():sub(1, column)
end

--- Returns what must not change between a request and its answer.
---@private
---@return table
function M._place()
  return {
    vim.api.nvim_get_current_buf(),
    vim.api.nvim_buf_get_changedtick(0),
    vim.api.nvim_win_get_cursor(0),
    vim.api.nvim_get_mode().mode:sub(1, 1),
    popup.selection(M._line_to_cursor()),
  }
end

return M
