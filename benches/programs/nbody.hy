(import math [sqrt])

(setv BODIES
  [#(0.0 0.0 0.0 0.0 1000.0)
   #(10.0 0.0 0.0 10.0 1.0)
   #(0.0 20.0 -7.0 0.0 2.0)
   #(-30.0 0.0 0.0 -5.75 3.0)])

(defn advanced [body bodies dt]
  (setv [x y vx vy mass] body
        ax 0.0
        ay 0.0)
  (for [[ox oy _ _ other] bodies]
    (setv dx (- ox x)
          dy (- oy y)
          square (+ (* dx dx) (* dy dy) 0.01)
          pull (/ other (* square (sqrt square))))
    (+= ax (* dx pull))
    (+= ay (* dy pull)))
  (+= vx (* ax dt))
  (+= vy (* ay dt))
  #((+ x (* vx dt)) (+ y (* vy dt)) vx vy mass))

(defn main []
  (setv bodies BODIES)
  (for [_ (range 1000)]
    (setv bodies (lfor body bodies (advanced body bodies 0.01))))
  (lfor [x y #* _] bodies [x y]))
