(defn safe? [column queens]
  (for [[distance other] (enumerate queens 1)]
    (when (or (= other column) (= (abs (- other column)) distance))
      (return False)))
  True)

(defn solutions [n queens]
  (if (= (len queens) n)
    1
    (sum (gfor column (range n) :if (safe? column queens) (solutions n [column #* queens])))))

(defn main [] (solutions 8 []))
