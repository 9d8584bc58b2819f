"""Staff pages; mount them at ``/checkout/``."""

from django.urls import path

from checkout.views.staff import (
    accept,
    actions,
    books,
    charge,
    checkout_page,
    checkouts,
    customers,
    disputes,
    events,
    mail,
    payment_actions,
    plan_templates,
    plans,
    record_list,
    refund_list,
    refunds,
    runs,
    work,
)

OBJECT_PLAN = "object/payment/plan"
INSTALMENT = f"{OBJECT_PLAN}/instalment/<int:pk>"
PAYMENT = "customer/payment/<int:pk>"
PREVIEW = "mail/preview/<slug:template>"

urlpatterns = [
    path("", checkouts.CheckoutListView.as_view(), name="checkout.list"),
    path("work/", work.WorkView.as_view(), name="checkout.work"),
    path("audit/", checkouts.CheckoutAuditListView.as_view(), name="checkout.list.audit"),
    # one payment, and what was given back
    path("checkout/<int:pk>/", checkout_page.CheckoutView.as_view(), name="checkout.checkout"),
    path("checkout/<int:pk>/refund/", refunds.CheckoutRefundView.as_view(), name="checkout.refund"),
    path("checkout/<int:pk>/accept/", accept.CheckoutAcceptView.as_view(), name="checkout.accept"),
    path("refund/", refund_list.RefundListView.as_view(), name="checkout.refund.list"),
    path("dispute/", disputes.DisputeListView.as_view(), name="checkout.dispute.list"),
    # the plans of customers
    path(f"{OBJECT_PLAN}/", plans.ObjectPaymentPlanListView.as_view(), name="checkout.object.payment.plan.list"),
    path(
        f"{OBJECT_PLAN}/card/expiry/",
        customers.CardExpiryListView.as_view(),
        name="checkout.object.payment.plan.card.expiry.list",
    ),
    path(
        f"{OBJECT_PLAN}/instalment/",
        plans.ObjectPaymentPlanInstalmentListView.as_view(),
        name="checkout.object.payment.plan.instalment.list",
    ),
    path(f"{OBJECT_PLAN}/<int:pk>/", plans.ObjectPaymentPlanView.as_view(), name="checkout.object.payment.plan"),
    path(
        f"{OBJECT_PLAN}/<int:pk>/delete/",
        actions.ObjectPaymentPlanDeleteView.as_view(),
        name="checkout.object.payment.plan.delete",
    ),
    path(
        f"{OBJECT_PLAN}/<int:pk>/pause/",
        disputes.ObjectPaymentPlanPauseView.as_view(),
        name="checkout.object.payment.plan.pause",
    ),
    path(
        f"{OBJECT_PLAN}/<int:pk>/resume/",
        disputes.ObjectPaymentPlanResumeView.as_view(),
        name="checkout.object.payment.plan.resume",
    ),
    path(
        f"{INSTALMENT}/",
        plans.ObjectPaymentPlanInstalmentView.as_view(),
        name="checkout.object.payment.plan.instalment",
    ),
    path(
        f"{INSTALMENT}/paid/",
        actions.ObjectPaymentPlanInstalmentPaidView.as_view(),
        name="checkout.object.payment.plan.instalment.paid",
    ),
    path(
        f"{INSTALMENT}/charge/",
        actions.ObjectPaymentPlanInstalmentChargeView.as_view(),
        name="checkout.object.payment.plan.instalment.charge",
    ),
    path(
        f"{INSTALMENT}/ask/",
        actions.ObjectPaymentPlanInstalmentAskView.as_view(),
        name="checkout.object.payment.plan.instalment.ask",
    ),
    # customers, their cards, and what staff charge them
    path("customer/", customers.CustomerListView.as_view(), name="checkout.customer.list"),
    path("customer/<int:pk>/", customers.CustomerView.as_view(), name="checkout.customer"),
    path("customer/<int:pk>/charge/", charge.CustomerChargeCreateView.as_view(), name="checkout.customer.charge"),
    path("customer/payment/", charge.CustomerPaymentListView.as_view(), name="checkout.customer.payment.list"),
    path(f"{PAYMENT}/", charge.CustomerPaymentView.as_view(), name="checkout.customer.payment"),
    path(f"{PAYMENT}/paid/", payment_actions.CustomerPaymentPaidView.as_view(), name="checkout.customer.payment.paid"),
    path(
        f"{PAYMENT}/charge/",
        payment_actions.CustomerPaymentChargeView.as_view(),
        name="checkout.customer.payment.charge",
    ),
    path(f"{PAYMENT}/ask/", payment_actions.CustomerPaymentAskView.as_view(), name="checkout.customer.payment.ask"),
    path("card/refresh/", customers.CardRefreshListView.as_view(), name="checkout.card.refresh.list"),
    # mail, and what staff did
    path("mail/", mail.NoticeListView.as_view(), name="checkout.notice.list"),
    path("mail/<int:pk>/", mail.NoticeView.as_view(), name="checkout.notice"),
    path("mail/<int:pk>/html/", mail.NoticeFrameView.as_view(), name="checkout.notice.html"),
    path("mail/<int:pk>/again/", payment_actions.NoticeAgainView.as_view(), name="checkout.notice.again"),
    path("mail/preview/", mail.MailPreviewListView.as_view(), name="checkout.mail.preview.list"),
    path(f"{PREVIEW}/", mail.MailPreviewView.as_view(), name="checkout.mail.preview"),
    path(f"{PREVIEW}/html/", mail.MailPreviewFrameView.as_view(), name="checkout.mail.preview.html"),
    # what Stripe told us, and whether the books agree
    path("event/", events.EventListView.as_view(), name="checkout.event.list"),
    path("event/<int:pk>/", events.EventView.as_view(), name="checkout.event"),
    path("event/<int:pk>/replay/", events.EventReplayView.as_view(), name="checkout.event.replay"),
    path("reconciliation/", books.ReconciliationListView.as_view(), name="checkout.reconciliation.list"),
    path("reconciliation/<int:pk>/", books.ReconciliationView.as_view(), name="checkout.reconciliation"),
    path("staff/action/", record_list.StaffActionListView.as_view(), name="checkout.staff.action.list"),
    # the plans that are offered
    path("payment/plan/", plan_templates.PaymentPlanListView.as_view(), name="checkout.payment.plan.list"),
    path("payment/plan/create/", plan_templates.PaymentPlanCreateView.as_view(), name="checkout.payment.plan.create"),
    path(
        "payment/plan/<int:pk>/update/",
        plan_templates.PaymentPlanUpdateView.as_view(),
        name="checkout.payment.plan.update",
    ),
    path(
        "payment/plan/<int:pk>/delete/",
        plan_templates.PaymentPlanDeleteView.as_view(),
        name="checkout.payment.plan.delete",
    ),
    path("payment/run/", runs.PaymentRunListView.as_view(), name="checkout.payment.run.list"),
    path("payment/run/<int:pk>/", runs.PaymentRunView.as_view(), name="checkout.payment.run"),
]
