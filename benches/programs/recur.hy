(defn steps [n]
  (setv taken 0)
  (while (!= n 1)
    (setv n (if (= (% n 2) 0) (// n 2) (+ (* 3 n) 1)))
    (+= taken 1))
  taken)

(defn main []
  (max (map steps (range 1 1000))))
