(defn main []
  (setv digest 7)
  (for [n (range 100000)]
    (setv digest (% (+ (* digest 31) n) 1000003)))
  digest)
