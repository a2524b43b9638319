(defmacro square [x]
  (setv v (hy.gensym))
  `(do (setv ~v ~x) (* ~v ~v)))

(defmacro clamp [x low high]
  (setv v (hy.gensym))
  `(do
     (setv ~v ~x)
     (cond
       (< ~v ~low) ~low
       (> ~v ~high) ~high
       True ~v)))

(defmacro sum-for [binding body]
  (setv [name limit] binding
        total (hy.gensym))
  `(do
     (setv ~total 0)
     (for [~name (range ~limit)]
       (+= ~total ~body))
     ~total))

(defn main []
  (sum-for [y 300]
    (sum-for [x 300]
      (clamp (- (square x) (square y)) -500 700))))
