(import immutables [Map])

(setv START (Map (zip (range 1000) (range 1000))))

(defn main []
  (setv [current versions] [START []])
  (for [i (range 4000)]
    (.append versions current)
    (setv current (.set current (% i 1000) i)))
  (sum (gfor version versions (get version 7))))
