(defn area [shape]
  (match shape
    {"kind" "circle" "r" r} (* 3 r r)
    {"kind" "rectangle" "w" w "h" h} (* w h)
    #("square" side) (* side side)
    _ 0))

(setv SHAPES [{"kind" "circle" "r" 2} {"kind" "rectangle" "w" 2 "h" 3} #("square" 4) "none"])

(defn main []
  (sum (gfor i (range 16000) (area (get SHAPES (% i 4))))))
