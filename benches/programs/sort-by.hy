(import operator [itemgetter])

(setv RECORDS
  (lfor i (range 20000) {"id" i "rank" (% (* i 7919) 10007) "team" f"team-{(% (* i 31) 97)}"}))

(defn main []
  (setv by-team (sorted (sorted RECORDS :key (itemgetter "rank")) :key (itemgetter "team")))
  (lfor record (cut by-team 3) (get record "id")))
