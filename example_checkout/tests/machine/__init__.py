"""The state machine of payment plans: customers, staff, tasks and bad luck over the real flows and a simulated Stripe.

``world``    time, the wire, and processes that die or are overtaken by others at any step
``lines``    the payment run's calls, in an order that is the same each time
``truth``    what must hold after every step, read from the database and from Stripe
``people``   what customers do
``shop``     what staff, tasks, the clock and misfortune do
``office``   mail, amounts of staff; ``giving`` Stripe's post, refunds, disputes
``postman``  brings Stripe's events to the door
``books``    what must hold of refunds, disputes and events
``recovery`` what is run in the end, and what must be true then
"""
