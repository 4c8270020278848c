;;; coder-lsp-ghost.el --- Show completions as ghost text  -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Draws what the server offers behind point and lets it be taken, whole or in part.  It is the same
;; for lsp-mode and eglot.  lsp-mode 10 has a display of its own, `lsp-inline-completion-mode'; this
;; one stays while you type what it shows, moves point nowhere and needs no second of waiting.  What
;; to complete is decided by the server alone.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'coder-lsp-connection)
(require 'coder-lsp-settings)

(defcustom coder-lsp-idle-delay 0.1
  "Seconds without a key after which a completion is asked for."
  :type 'number
  :group 'coder-lsp)

(defcustom coder-lsp-inhibit-functions '(coder-lsp-ghost-popup-p)
  "Functions without arguments; nothing is shown while one returns non-nil."
  :type 'hook
  :group 'coder-lsp)

(defface coder-lsp-ghost
  '((t :inherit shadow))
  "Face of the text that is offered."
  :group 'coder-lsp)

(defvar-keymap coder-lsp-ghost-map
  :doc "Keys that work while ghost text is shown, before those of all other modes."
  "TAB" #'coder-lsp-accept
  "<tab>" #'coder-lsp-accept
  "C-<return>" #'coder-lsp-accept
  "C-<right>" #'coder-lsp-accept-word
  "C-M-<right>" #'coder-lsp-accept-line
  "M-n" #'coder-lsp-next
  "M-p" #'coder-lsp-previous
  "C-g" #'coder-lsp-dismiss
  "<escape>" #'coder-lsp-dismiss)

(cl-defstruct (coder-lsp-ghost--item (:copier nil))
  "A completion: TEXT is to stand from START to END, two markers.
COMMAND informs the server that it was taken."
  text start end command)

(defvar-local coder-lsp-ghost--overlay nil "The overlay that shows the text, or nil.")
(defvar-local coder-lsp-ghost--items nil "The completions to choose from.")
(defvar-local coder-lsp-ghost--index 0 "Which of the completions is shown.")
(defvar-local coder-lsp-ghost--point nil "Point and modification tick after the last command.")
(defvar-local coder-lsp-ghost--timer nil "What asks for a completion when Emacs is idle.")
(defvar-local coder-lsp-ghost--request 0 "Number of the newest request.")

(defvar coder-lsp-ghost--emulation-alist
  `((coder-lsp-ghost--overlay . ,coder-lsp-ghost-map))
  "Makes `coder-lsp-ghost-map' stronger than the maps of minor modes.")
(add-to-list 'emulation-mode-map-alists 'coder-lsp-ghost--emulation-alist)

(defconst coder-lsp-ghost--hooks
  '((post-command-hook . coder-lsp-ghost--after-command)
    (window-selection-change-functions . coder-lsp-ghost--after-selection)
    (before-revert-hook . coder-lsp-ghost--withdraw)
    (change-major-mode-hook . coder-lsp-ghost--withdraw))
  "Hooks of a buffer with ghost text, and what is to be done in them.")

;;;###autoload
(define-minor-mode coder-lsp-ghost-mode
  "Show completions as ghost text while you type.

\\{coder-lsp-ghost-map}"
  :group 'coder-lsp
  (coder-lsp-ghost--withdraw)
  (setq coder-lsp-ghost--point (coder-lsp-ghost--place))
  (pcase-dolist (`(,hook . ,function) coder-lsp-ghost--hooks)
    (if coder-lsp-ghost-mode
        (add-hook hook function nil t)
      (remove-hook hook function t))))

(defun coder-lsp-complete ()
  "Ask for completions at point, several of them if there are.
The keys for next and previous go through them."
  (interactive)
  (unless (coder-lsp-connection)
    (user-error "No coder-lsp here; see the mode line, or start it by `lsp' or `eglot'"))
  (coder-lsp-ghost--ask 1))

(defun coder-lsp-accept ()
  "Take the whole completion."
  (interactive)
  (coder-lsp-ghost--take (coder-lsp-ghost--rest (coder-lsp-ghost--current))))

(defun coder-lsp-accept-word ()
  "Take the completion's next word, or the punctuation before it."
  (interactive)
  (coder-lsp-ghost--take
   (coder-lsp-ghost-first-word (coder-lsp-ghost--rest (coder-lsp-ghost--current)))))

(defun coder-lsp-accept-line ()
  "Take the completion up to the end of the line; at the end of one, the next line."
  (interactive)
  (coder-lsp-ghost--take
   (coder-lsp-ghost-first-line (coder-lsp-ghost--rest (coder-lsp-ghost--current)))))

(defun coder-lsp-next ()
  "Show the next of several completions; ask for them if there is only one so far."
  (interactive)
  (coder-lsp-ghost--turn 1))

(defun coder-lsp-previous ()
  "Show the completion before; ask for several if there is only one so far."
  (interactive)
  (coder-lsp-ghost--turn -1))

(defun coder-lsp-dismiss ()
  "Take the ghost text away until something is typed."
  (interactive)
  (coder-lsp-ghost--withdraw))

(defun coder-lsp-ghost-popup-p ()
  "Whether another completion is being chosen from; that one comes first."
  (or completion-in-region-mode
      (bound-and-true-p completion-preview-active-mode)
      (bound-and-true-p company-candidates)
      (bound-and-true-p corfu--candidates)))

(defun coder-lsp-ghost-first-word (text)
  "Return the beginning of TEXT up to the end of its first word or punctuation."
  (string-match (rx bos (* space) (or (+ (any alnum "_")) (+ (not (any alnum "_" space))) eos)) text)
  (match-string 0 text))

(defun coder-lsp-ghost-first-line (text)
  "Return the beginning of TEXT up to the end of its first line that is not empty."
  (string-match (rx bos (* "\n") (* nonl)) text)
  (match-string 0 text))

(defun coder-lsp-ghost--after-command ()
  "Keep, shorten or withdraw the ghost text; after a change ask for a new one."
  (pcase-let ((`(,old-point . ,old-tick) coder-lsp-ghost--point)
              (`(,point . ,tick) (coder-lsp-ghost--place)))
    (setq coder-lsp-ghost--point (cons point tick))
    (cond ((/= tick old-tick)
           (coder-lsp-ghost--redraw)
           (coder-lsp-ghost--ask-soon))
          ((/= point old-point) (coder-lsp-ghost--withdraw)))))

(defun coder-lsp-ghost--after-selection (window)
  "Take the ghost text of WINDOW away when the user is not there any more.
Who is in the minibuffer comes back."
  (unless (memq window (list (selected-window) (minibuffer-selected-window)))
    (with-current-buffer (window-buffer window)
      (coder-lsp-ghost--withdraw))))

(defun coder-lsp-ghost--place ()
  "Return point and tick: equal ones mean that nothing has happened between them."
  (cons (point) (buffer-chars-modified-tick)))

(defun coder-lsp-ghost--ask-soon ()
  "Ask for a completion as soon as Emacs is idle, unless this is no time for it."
  (coder-lsp-ghost--forget-requests)
  (unless (or (cdr coder-lsp-ghost--items) ; who looks at alternatives is not to lose them
              buffer-read-only
              (region-active-p)
              (memq this-command '(undo undo-only undo-redo)))
    (setq coder-lsp-ghost--timer
          (run-with-idle-timer coder-lsp-idle-delay nil
                               #'coder-lsp-ghost--ask-in (current-buffer)))))

(defun coder-lsp-ghost--ask-in (buffer)
  "Ask for a completion in BUFFER if the user is still there."
  (when (eq buffer (window-buffer))
    (with-current-buffer buffer
      (setq coder-lsp-ghost--timer nil)
      (unless (run-hook-with-args-until-success 'coder-lsp-inhibit-functions)
        (coder-lsp-ghost--ask 2)))))

(defun coder-lsp-ghost--ask (kind)
  "Ask the server for completions; KIND is 1 when the user wants it and else 2."
  (coder-lsp-ghost--forget-requests)
  (when-let* ((connection (coder-lsp-connection)))
    (let ((buffer (current-buffer))
          (place (coder-lsp-ghost--place))
          (number coder-lsp-ghost--request))
      (coder-lsp-connection-complete
       connection kind
       (lambda (items)
         (when (and (buffer-live-p buffer) (eq buffer (window-buffer)))
           (with-current-buffer buffer
             (when (and (= number coder-lsp-ghost--request)
                        (equal place (coder-lsp-ghost--place)))
               (coder-lsp-ghost--receive connection items kind)))))))))

(defun coder-lsp-ghost--forget-requests ()
  "Make answers that are under way come too late."
  (cl-incf coder-lsp-ghost--request)
  (when coder-lsp-ghost--timer
    (cancel-timer coder-lsp-ghost--timer)
    (setq coder-lsp-ghost--timer nil)))

(defun coder-lsp-ghost--receive (connection items kind)
  "Show ITEMS, the answer of CONNECTION to a request of KIND.
No items leave what is shown and still fits."
  (cond (items
         (coder-lsp-ghost--release)
         (setq coder-lsp-ghost--items
               (mapcar (lambda (item) (coder-lsp-ghost--read connection item)) items)
               coder-lsp-ghost--index 0)
         (coder-lsp-ghost--redraw)
         (when (and (= kind 1) (cdr items)) (coder-lsp-ghost--announce)))
        ((= kind 1) (message "coder-lsp has nothing to offer here"))))

(defun coder-lsp-ghost--read (connection item)
  "Return ITEM of an answer of CONNECTION as we keep it."
  (let* ((range (coder-lsp-connection-get item "range"))
         (bound (lambda (end)
                  (if range
                      (coder-lsp-connection-point connection (coder-lsp-connection-get range end))
                    (point))))
         (start (funcall bound "start")))
    ;; What is typed at point belongs to the item, what others insert before it does not.
    (make-coder-lsp-ghost--item
     :text (coder-lsp-connection-get item "insertText")
     :start (copy-marker start (< start (point)))
     :end (copy-marker (funcall bound "end") t)
     :command (coder-lsp-connection-get item "command"))))

(defun coder-lsp-ghost--current ()
  "Return the completion that is shown; there must be one."
  (or (and coder-lsp-ghost--overlay (nth coder-lsp-ghost--index coder-lsp-ghost--items))
      (user-error "No completion is shown")))

(defun coder-lsp-ghost--rest (item)
  "Return what of ITEM is not typed yet; nil when it does not fit what is typed."
  (let ((start (coder-lsp-ghost--item-start item))
        (text (coder-lsp-ghost--item-text item)))
    (when (<= start (point) (coder-lsp-ghost--item-end item))
      (let ((typed (buffer-substring-no-properties start (point))))
        (and (string-prefix-p typed text)
             (not (equal typed text))
             (substring text (length typed)))))))

(defun coder-lsp-ghost--redraw ()
  "Show the rest of the current completion; when it does not fit, show nothing."
  (let* ((item (nth coder-lsp-ghost--index coder-lsp-ghost--items))
         (rest (and item (coder-lsp-ghost--rest item))))
    (if (not rest)
        (coder-lsp-ghost--hide)
      (unless coder-lsp-ghost--overlay
        (setq coder-lsp-ghost--overlay (make-overlay (point) (point))))
      (move-overlay coder-lsp-ghost--overlay (point) (point))
      (overlay-put coder-lsp-ghost--overlay 'window (selected-window))
      (setq rest (propertize rest 'face 'coder-lsp-ghost))
      (put-text-property 0 1 'cursor 1 rest) ; the cursor stays before it
      (overlay-put coder-lsp-ghost--overlay 'after-string rest))))

(defun coder-lsp-ghost--withdraw ()
  "Take the ghost text away, and what is under way with it."
  (coder-lsp-ghost--forget-requests)
  (coder-lsp-ghost--hide))

(defun coder-lsp-ghost--hide ()
  "Take the ghost text away."
  (when coder-lsp-ghost--overlay
    (delete-overlay coder-lsp-ghost--overlay)
    (setq coder-lsp-ghost--overlay nil))
  (coder-lsp-ghost--release))

(defun coder-lsp-ghost--release ()
  "Forget the completions; their markers would slow editing down."
  (dolist (item coder-lsp-ghost--items)
    (set-marker (coder-lsp-ghost--item-start item) nil)
    (set-marker (coder-lsp-ghost--item-end item) nil))
  (setq coder-lsp-ghost--items nil))

(defun coder-lsp-ghost--take (text)
  "Insert TEXT, a beginning of what is shown, and tell the server of it."
  (let* ((item (coder-lsp-ghost--current))
         (is-whole (equal text (coder-lsp-ghost--rest item))))
    (when is-whole
      (delete-region (point) (coder-lsp-ghost--item-end item)))
    (insert text)
    (coder-lsp-ghost--tell item (and (not is-whole) (length text)))
    (coder-lsp-ghost--redraw)))

(defun coder-lsp-ghost--tell (item num-characters)
  "Tell the server that ITEM was taken, or, if not nil, NUM-CHARACTERS of it."
  (when-let* ((command (coder-lsp-ghost--item-command item))
              (connection (coder-lsp-connection)))
    (let ((arguments (append (coder-lsp-connection-get command "arguments") nil)))
      (coder-lsp-connection-execute
       connection
       (coder-lsp-connection-get command "command")
       (if num-characters (append arguments (list num-characters)) arguments)
       #'ignore))))

(defun coder-lsp-ghost--turn (step)
  "Show the completion STEP further on."
  (coder-lsp-ghost--current)
  (if (not (cdr coder-lsp-ghost--items))
      (coder-lsp-ghost--ask 1)
    (setq coder-lsp-ghost--index
          (mod (+ coder-lsp-ghost--index step) (length coder-lsp-ghost--items)))
    (coder-lsp-ghost--redraw)
    (coder-lsp-ghost--announce)))

(defun coder-lsp-ghost--announce ()
  "Say which of how many completions is shown."
  (let ((message-log-max nil))
    (message (substitute-command-keys
              "Completion %d of %d (\\<coder-lsp-ghost-map>\\[coder-lsp-next] next, \
\\[coder-lsp-accept] accept)")
             (1+ coder-lsp-ghost--index) (length coder-lsp-ghost--items))))

(provide 'coder-lsp-ghost)
;;; coder-lsp-ghost.el ends here
