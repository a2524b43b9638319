(import immutables [Map])

(setv WORDS (lfor i (range 10000) f"word-{i}"))
(setv STOCK (Map (zip WORDS (range 10000))))

(defn main []
  (setv sold STOCK)
  (for [word WORDS]
    (setv sold (.set sold word (+ (get sold word) 1))))
  [(get STOCK "word-7") (get sold "word-7")])
