;;; coder-lsp-settings.el --- The settings of coder-lsp's server  -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: MIT

;;; Commentary:

;; One option for each setting of the server, with the server's own default and description:
;; `coder-lsp-max-new-tokens' is the server's maxNewTokens, and so on.

;;; Code:

(require 'seq)
(require 'subr-x)

(defgroup coder-lsp nil
  "Code completion by a model that runs inside a language server."
  :group 'tools
  :prefix "coder-lsp-")

(defgroup coder-lsp-server nil
  "Settings of the server, sent to it when it starts and when they change."
  :group 'coder-lsp
  :prefix "coder-lsp-")

(defvar coder-lsp-settings-changed-hook nil
  "Run after a setting of the server has been changed by Customize or `setopt'.")

(defvar coder-lsp-settings nil
  "Alist of the server's names of its settings and our options.")

(defmacro coder-lsp-settings-define (name default type doc)
  "Define the option coder-lsp-NAME of TYPE for the setting NAME.
DEFAULT and DOC are those of the server."
  (declare (indent 3) (debug (symbolp form form stringp)))
  (let ((option (intern (format "coder-lsp-%s" name))))
    `(progn
       (defcustom ,option ,default ,doc
         :type ,type
         :set #'coder-lsp-settings--set
         :group 'coder-lsp-server)
       (setf (alist-get ,(coder-lsp-settings--key name) coder-lsp-settings nil nil #'equal)
             ',option))))

(eval-and-compile
  (defun coder-lsp-settings--key (name)
    "Return the server's name of the setting NAME: max-new-tokens is maxNewTokens."
    (let ((words (split-string (symbol-name name) "-")))
      (apply #'concat (car words) (mapcar #'capitalize (cdr words))))))

(defun coder-lsp-settings--set (option value)
  "Set OPTION to VALUE and let those know who have sent the old one."
  (set-default-toplevel-value option value)
  (run-hooks 'coder-lsp-settings-changed-hook))

;; Written by python -m tests.editors.emacs.settings_file
(coder-lsp-settings-define enabled t
    'boolean
  "Whether to complete at all.
A command can change it too.")
(coder-lsp-settings-define model ""
    'string
  "Name of an installed model, or absolute path of a model folder.
Empty: the default model.")
(coder-lsp-settings-define backend "local"
    '(choice (const "local") (const "scripted"))
  "Where completions come from: the model inside, or a script.")
(coder-lsp-settings-define script ""
    'string
  "Path of the JSON file with the answers of the scripted backend.")
(coder-lsp-settings-define providers "auto"
    '(choice (const "auto") (const "cuda") (const "tensorrt") (const "cpu"))
  "Where the model runs. auto: the GPU, if the model and the machine allow it.")
(coder-lsp-settings-define plain-completion "auto"
    '(choice (const "auto") (const "always") (const "never"))
  "When to answer textDocument/completion. auto: until the client completes
inline.")
(coder-lsp-settings-define max-new-tokens 64
    'natnum
  "Maximum number of tokens to generate for one completion.")
(coder-lsp-settings-define time-budget-ms 0
    'natnum
  "Maximum time in milliseconds before the text generated so far is shown. 0:
chosen for the model and the machine.")
(coder-lsp-settings-define alternatives 3
    'natnum
  "Maximum number of completions to choose from when you ask for one.")
(coder-lsp-settings-define context-tokens 0
    'natnum
  "Maximum number of tokens of prompt and completion together. 0: chosen for
the model and the machine.")
(coder-lsp-settings-define threads 0
    'natnum
  "Threads of the engine. 0: chosen by the machine.")
(coder-lsp-settings-define multiline "auto"
    '(choice (const "auto") (const "never") (const "always"))
  "Whether completions may have several lines.")
(coder-lsp-settings-define cache-megabytes 0
    'natnum
  "Memory in megabytes for the KV caches of all documents. 0: chosen for the
model and the machine.")
(coder-lsp-settings-define disk-cache t
    'boolean
  "Keep the KV caches of recent files on disk.
They reveal the text of those files.")
(coder-lsp-settings-define disk-cache-megabytes 1024
    'natnum
  "Disk space for the KV caches of recent files.")
(coder-lsp-settings-define completion-cache t
    'boolean
  "Answer from recent completions where they still apply.")
(coder-lsp-settings-define log-level "warning"
    '(choice (const "error") (const "warning") (const "info") (const "debug"))
  "How much is written to the log on standard error.")
;; end of what is written

(defun coder-lsp-settings-object ()
  "Return the plist of all settings, with names and values of the server."
  (mapcan #'coder-lsp-settings--pair (reverse coder-lsp-settings)))

(defun coder-lsp-settings-changed ()
  "Return the plist of the settings that differ from the defaults of the server.
What is not sent is left to its command line."
  (mapcan #'coder-lsp-settings--pair
          (seq-remove #'coder-lsp-settings--is-default (reverse coder-lsp-settings))))

(defun coder-lsp-settings--pair (entry)
  "Return the key and the value in JSON of ENTRY of `coder-lsp-settings'."
  (let ((value (symbol-value (cdr entry))))
    (list (intern (concat ":" (car entry)))
          (if (null value) :json-false value))))

(defun coder-lsp-settings--is-default (entry)
  "Whether the option of ENTRY of `coder-lsp-settings' has its default value."
  (let ((option (cdr entry)))
    (equal (symbol-value option) (eval (car (get option 'standard-value)) t))))

(provide 'coder-lsp-settings)
;;; coder-lsp-settings.el ends here
