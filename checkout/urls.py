"""Staff pages; mount them at ``/checkout/``."""

from django.urls import path

from checkout.views.staff import actions, checkouts, plan_templates, plans, runs

OBJECT_PLAN = "object/payment/plan"
INSTALMENT = f"{OBJECT_PLAN}/instalment/<int:pk>"

urlpatterns = [
    path("", checkouts.CheckoutListView.as_view(), name="checkout.list"),
    path("audit/", checkouts.CheckoutAuditListView.as_view(), name="checkout.list.audit"),
    # the plans of customers
    path(f"{OBJECT_PLAN}/", plans.ObjectPaymentPlanListView.as_view(), name="checkout.object.payment.plan.list"),
    path(f"{OBJECT_PLAN}/<int:pk>/", plans.ObjectPaymentPlanView.as_view(), name="checkout.object.payment.plan"),
    path(
        f"{OBJECT_PLAN}/<int:pk>/delete/",
        actions.ObjectPaymentPlanDeleteView.as_view(),
        name="checkout.object.payment.plan.delete",
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
