(import immutables [Map])

(setv WORDS (lfor i (range 10000) f"word-{i}"))

(defn main []
  (setv sizes (Map))
  (for [word WORDS]
    (setv sizes (.set sizes word (len word))))
  (len sizes))
