"""Every statement that may stand in a log 1 or a log 2: what readers of these logs decode."""

from foodhub.catalog.statements import Case, Part, Product, Stock
from foodhub.orders.closing import Baskets, Confirmation, Counted, Tally
from foodhub.orders.exchanges import Close, Draft, Opening, Outgoing, Plan, Repeat
from foodhub.orders.hands import Behalf, Belong, Claim, ClaimConfirmed, Contact, Mandate, Represented, Successor
from foodhub.orders.purchase import Purchase, PurchaseAnswer
from foodhub.orders.reserving import AllotRequest, Delivered, Lower, Return, Shortfall
from foodhub.orders.statements import (
    Allot,
    Answer,
    Cycle,
    EraseAnswer,
    EraseRequest,
    Order,
    Profile,
    Receipt,
    Remark,
    Standing,
    Total,
)

CatalogStatement = (
    Profile | Product | Stock | Case | Cycle | Plan | Opening | Outgoing | Close | Mandate | Successor | Behalf | Part
)
TradeStatement = (
    Allot
    | AllotRequest
    | Lower
    | Return
    | Shortfall
    | Delivered
    | Order
    | Remark
    | Standing
    | Receipt
    | Answer
    | Total
    | Tally
    | Counted
    | Confirmation
    | Baskets
    | Purchase
    | PurchaseAnswer
    | Contact
    | Belong
    | Represented
    | Claim
    | ClaimConfirmed
    | Behalf
    | EraseRequest
    | EraseAnswer
    | Draft
    | Repeat
)
