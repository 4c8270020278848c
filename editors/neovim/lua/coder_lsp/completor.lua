--- What Neovim keeps of inline completion in a buffer. Neovim has no public way to the item that is
--- shown, nor to show items that were asked for otherwise: this module alone touches its private
--- state, and all else does without where a later Neovim keeps it differently.
local ghost_text = require('coder_lsp.ghost_text')
local pieces = require('coder_lsp.pieces')
local popup = require('coder_lsp.popup')

local M = {}

local NEEDED = { 'show', 'hide', 'select', 'abort', 'reset_timer', 'count_items' }

--- A completion on the screen.
---@class coder_lsp.Shown
---@field bufnr integer
---@field client_id integer
---@field row integer The cursor's, 0-based.
---@field column integer The cursor's, in bytes, 0-based.
---@field rest string What would be inserted at the cursor.
---@field is_visible boolean False while the popup menu's selection is for another text.
---@field command? lsp.Command What tells the server that it was taken.

---@return table?
local function prototype()
  local has_inline, _ = pcall(require, 'vim.lsp.inline_completion')
  local has_capability, capability = pcall(require, 'vim.lsp._capability')
  local found = has_inline
    and has_capability
    and vim.tbl_get(capability, 'all', 'inline_completion')
  if not found then
    return nil
  end
  for _, method in ipairs(NEEDED) do
    if type(found[method]) ~= 'function' then
      return nil
    end
  end
  return found
end

---@param bufnr integer
---@return table?
local function completor(bufnr)
  local found = prototype()
  return found and found.active[bufnr]
end

--- Returns where the cursor is in the text of an item, nil when what was typed has left it.
---@param bufnr integer
---@param item vim.lsp.inline_completion.Item
---@return coder_lsp.Shown?
local function at_cursor(bufnr, item)
  if vim.api.nvim_get_current_buf() ~= bufnr or not item.range then
    return nil
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  row = row - 1
  if item.range.start_row ~= row or item.range.start_col > column then
    return nil
  end
  local line = vim.api.nvim_get_current_line()
  -- A completion for a CRLF file may come with its line ends; the buffer has none.
  local text = item.insert_text:gsub('\r\n', '\n')
  local rest = pieces.rest(text, line:sub(item.range.start_col + 1, column))
  if not rest or rest == '' then
    return nil
  end
  return {
    bufnr = bufnr,
    client_id = item.client_id,
    row = row,
    column = column,
    rest = rest,
    is_visible = popup.allows(line:sub(1, column), rest),
    command = item.command,
  }
end

---@param item? vim.lsp.inline_completion.Item
---@return boolean
local function is_ours(item)
  if not item or type(item.insert_text) ~= 'string' then
    return false
  end
  local client = vim.lsp.get_client_by_id(item.client_id)
  return client ~= nil and client.name == 'coder_lsp'
end

--- Whether Neovim's state is as this module knows it.
---@return boolean
function M.is_known()
  return prototype() ~= nil
end

--- Draws our completions ourselves, from now on and in every buffer.
---
--- Neovim 0.12.4 draws over the text behind the cursor, keeps showing what was typed against until
--- the next answer, and draws an answer for a cursor that has moved on. Other servers' items it
--- draws as ever.
function M.take_over_drawing()
  local found = prototype()
  if not found or found._coder_lsp_show then
    return
  end
  found._coder_lsp_show = found.show
  function found:show(hint)
    if not is_ours(self.current) then
      return self:_coder_lsp_show(hint)
    end
    self:hide()
    local shown = at_cursor(self.bufnr, self.current)
    if not shown then
      self.current = nil
    elseif shown.is_visible then
      ghost_text.draw(shown.bufnr, shown.row, shown.column, shown.rest, hint)
    end
  end
end

--- Returns what is shown in the current buffer, nil when there is nothing of ours.
---@return coder_lsp.Shown?
function M.shown()
  local bufnr = vim.api.nvim_get_current_buf()
  local found = completor(bufnr)
  if not found or not is_ours(found.current) then
    return nil
  end
  local shown = at_cursor(bufnr, found.current)
  return shown and shown.is_visible and shown or nil
end

--- Draws anew what is shown in a buffer, after the popup menu's selection has changed.
---@param bufnr integer
function M.redraw(bufnr)
  local found = completor(bufnr)
  if found and is_ours(found.current) then
    found:show()
  end
end

--- Hides what is shown, and forgets requests under way.
---@param bufnr integer
function M.clear(bufnr)
  local found = completor(bufnr)
  if found then
    found:abort()
  end
end

--- Shows items that were asked for by ourselves, the first of them at once.
---@param bufnr integer
---@param client_id integer
---@param items lsp.InlineCompletionItem[]
function M.offer(bufnr, client_id, items)
  local found = completor(bufnr)
  if not found or not found.client_state[client_id] then
    return
  end
  -- An automatic answer, which has one item, would take the place of these.
  found:reset_timer()
  found.client_state[client_id].items = items
  found:select(1, found:count_items() > 1)
end

return M
