(import immutables [Map])

(setv PLAYERS (Map (dfor i (range 100) i (Map :name f"player-{i}" :score 0 :level 1))))
(setv GAME (Map :turn 0 :players PLAYERS))

(defn play [game turn]
  (setv players (get game "players")
        player (get players (% turn 100))
        player (.set player "score" (+ (get player "score") turn)))
  (.set (.set game "players" (.set players (% turn 100) player)) "turn" turn))

(defn main []
  (setv game GAME)
  (for [turn (range 4000)]
    (setv game (play game turn)))
  [(get game "turn") (get game "players" 42 "score") (get GAME "players" 42 "score")])
