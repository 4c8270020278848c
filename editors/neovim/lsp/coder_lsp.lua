-- The client's configuration, for `vim.lsp.enable('coder_lsp')`.
local options = require('coder_lsp.options').get()

local LANGUAGE_IDS =
  { bash = 'shellscript', sh = 'shellscript', zsh = 'shellscript', cs = 'csharp' }

---@type vim.lsp.Config
return {
  cmd = options.cmd,
  filetypes = options.filetypes,
  root_markers = { '.git' },
  capabilities = { experimental = { coderLspStatus = true } },
  settings = { ['coder-lsp'] = options.settings },
  get_language_id = function(_, filetype)
    return LANGUAGE_IDS[filetype] or filetype
  end,
  -- One server for all projects: a second one would load the model once more.
  reuse_client = function(client, config)
    return client.name == config.name and not client:is_stopped()
  end,
  before_init = function(params, config)
    params.initializationOptions = require('coder_lsp.server').initial_settings(config)
  end,
  handlers = {
    ['coder-lsp/status'] = function(_, status, context)
      require('coder_lsp.status').set(context.client_id, status)
    end,
  },
  on_exit = vim.schedule_wrap(function(code, signal, client_id)
    require('coder_lsp.status').set_ended(client_id, code, signal)
  end),
}
