(import pyrsistent [pvector])

(setv START (pvector (range 10000)))

(defn main []
  (setv changed START)
  (for [i (range 10000)]
    (setv changed (.set changed i (* 2 (get changed i)))))
  [(get START 9990) (get changed 9990)])
