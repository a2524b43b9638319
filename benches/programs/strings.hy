(defn main []
  (len (.join "\n" (lfor i (range 20000) f"item-{i}={(* i i)}"))))
