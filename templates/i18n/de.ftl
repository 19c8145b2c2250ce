# Jeder Text, den ein Mensch sieht, deutsch. Dieselben Schlüssel wie in en.ftl, in derselben Reihenfolge.

## Allgemeines
page-title = { $page } · Postroom
count-files = { $count ->
    [one] { $count } Datei
   *[other] { $count } Dateien
}

## Wörter der Daten
status-new = Neu
status-triaged = Eingeordnet
status-in_progress = In Arbeit
status-waiting_on_customer = Wartet
status-needs_engineering = Entwicklung
status-solved = Gelöst
status-closed = Geschlossen

### Mail ------------------------------------------------------------------------------------------------------------
### Was per Mail hinausgeht: Schlüssel beginnen mit "mail-".
