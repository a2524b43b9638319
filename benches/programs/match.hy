(defn tree [depth]
  (if (= depth 0)
    #("unknown")
    (do
      (setv below (tree (- depth 1)))
      (match (% depth 4)
        0 #("sum" below below)
        1 #("difference" below #("number" depth))
        2 #("product" #("number" 3) below)
        _ #("negative" below)))))

(defn value [expression x]
  (match expression
    #("number" n) n
    #("unknown") x
    #("sum" a b) (+ (value a x) (value b x))
    #("difference" a b) (- (value a x) (value b x))
    #("product" a b) (* (value a x) (value b x))
    #("negative" a) (- (value a x))))

(setv EXPRESSION (tree 46))

(defn main [] (value EXPRESSION 5))
