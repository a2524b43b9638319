(defn total [factor divisor limit]
  (sum (gfor n (range limit) :if (!= (% n divisor) 0) (* n factor))))

(defn main [] (total 3 7 100000))
