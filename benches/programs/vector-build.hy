(import pyrsistent [pvector])

(defn main []
  (setv squares (pvector))
  (for [i (range 30000)]
    (setv squares (.append squares (* i i))))
  [(len squares) (get squares 29999)])
