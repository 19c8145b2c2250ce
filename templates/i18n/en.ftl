# Every string that a person sees, English. The same keys stand in de.ftl, in the same order.

## General
page-title = { $page } · Postroom
count-files = { $count ->
    [one] { $count } file
   *[other] { $count } files
}

## Words of the data
status-new = New
status-triaged = Triaged
status-in_progress = In progress
status-waiting_on_customer = Waiting
status-needs_engineering = Engineering
status-solved = Solved
status-closed = Closed

### Mail ------------------------------------------------------------------------------------------------------------
### What goes out by mail: keys begin with "mail-".
