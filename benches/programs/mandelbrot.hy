(defn escape [cr ci]
  (setv zr 0.0 zi 0.0)
  (for [n (range 50)]
    (setv r2 (* zr zr)
          i2 (* zi zi))
    (when (> (+ r2 i2) 4.0)
      (return n))
    (setv [zr zi] #((+ (- r2 i2) cr) (+ (* 2.0 zr zi) ci))))
  50)

(defn main []
  (sum (gfor y (range 48) x (range 64) (escape (- (* x 0.046875) 2.0) (- (* y 0.04) 0.96)))))
